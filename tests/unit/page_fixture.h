/* What tests of readers of answers share. */
#pragma once

#include <stddef.h>

#include "dynamodb/item.h"

/* An exact copy for free(), so that AddressSanitizer sees a read behind the end. */
char *page_fixture_copy(const char *text, size_t length);

/* Fails unless the index of an item answers as a search in its text does, name for name. */
void page_fixture_check_attributes(const dds_item *item);
