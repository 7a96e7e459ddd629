/* Compiler attributes that the headers use. */
#pragma once

/* The result of a fallible function must be used. */
#define DDS_MUST_USE __attribute__((warn_unused_result))

/* printf-style checking: `text` and `first` are parameter positions that count from 1. */
#define DDS_PRINTF(text, first) __attribute__((format(printf, text, first)))

/* Keeps a rare or heavy path out of the function that calls it. */
#define DDS_NOINLINE __attribute__((noinline))

/* A body that is compiled once for each kind of processor, into the function that calls it. */
#define DDS_INLINE __attribute__((always_inline)) inline
