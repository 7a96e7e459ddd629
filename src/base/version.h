/* The version of the extension, as dynamodb_version() and the User-Agent header give it. */
#pragma once

#define DDS_VERSION "1.0.0"
