/* File descriptors that a library may open in a process that is not its own. */
#pragma once

/*
 * Moves a descriptor behind the standard ones, which the host may have closed and may write to all
 * the same, and keeps it from programs that are started. The old number is closed; -1 takes its
 * place where that fails. Returns errno's value, or 0.
 */
int dds_descriptor_lift(int *descriptor);
