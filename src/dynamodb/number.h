/*
 * DynamoDB's numbers: decimals of up to 38 significant digits, 1E-130 to 9.99…E+125 in magnitude,
 * sent as text (DynamoDB developer guide, "Naming rules and data types"). They never pass through
 * a double unless SQL asks for one.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attributes.h"
#include "base/buffer.h"

typedef enum dds_number_status {
  DDS_NUMBER_OK,
  DDS_NUMBER_NOT_A_NUMBER, /* not a JSON number (a leading + or zeros are not either) */
  DDS_NUMBER_TOO_PRECISE,  /* more than 38 significant digits */
  DDS_NUMBER_OUT_OF_RANGE,
} dds_number_status;

/* Whether DynamoDB stores this text as a number without change of value. */
dds_number_status dds_number_check(const char *text, size_t length);

/* Compares two numbers exactly, as decimals: negative, 0 or positive. Both must be JSON numbers. */
int dds_number_compare(const char *left, size_t left_length, const char *right,
                       size_t right_length);

/* True, with the value, where the number is an integer of 64 bits, however it is spelt. */
bool dds_number_to_integer(const char *text, size_t length, int64_t *integer);

/* The nearest double, by the C library's rule; independent of the locale. */
double dds_number_to_double(const char *text, size_t length);

/* Appends the number times 10^power_of_ten, exactly, as "1.5E3" or digits alone. */
void dds_number_append_scaled(dds_buffer *buffer, const char *text, size_t length,
                              int power_of_ten);

/* Appends the number as DynamoDB gives it back, without exponent and outer zeros. The number must
 * be one that it can store. */
void dds_number_append_stored(dds_buffer *buffer, const char *text, size_t length);

/* Appends the shortest decimal that reads back as the same double; locale-independent. False for
 * infinities, NaN and magnitudes that DynamoDB cannot hold. */
DDS_MUST_USE bool dds_number_append_double(dds_buffer *buffer, double value);

/*
 * Decimals between which every decimal lies that reads as this double, both ends outside or on the
 * edge: what a pushed comparison must cover, because DynamoDB compares 38 digits and SQLite
 * doubles. False where DynamoDB cannot hold such a bound.
 */
DDS_MUST_USE bool dds_number_bounds(double value, dds_buffer *low, dds_buffer *high);

/*
 * The decimal that lies strictly before every decimal that reads as a greater double, and strictly
 * behind every one that reads as a lesser: the end of a pushed < or >. False from 2^53 on, where
 * integers of 64 bits are told apart more finely than doubles, and where DynamoDB cannot hold it.
 */
DDS_MUST_USE bool dds_number_append_strict_end(dds_buffer *buffer, double value);

/* What a number counts in an item's size: a byte for each pair of digits, counted from the point,
 * that is not zero at either end of it; one more; and one for a sign. AWS documents it as an
 * approximation; this is how DynamoDB Local, AWS's own, counts. */
size_t dds_number_size_bytes(const char *text, size_t length);
