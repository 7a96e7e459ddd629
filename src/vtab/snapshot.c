/* The hidden column `snapshot`: seal (HMAC-SHA256), clock, columns read, item. */
#include "vtab/snapshot.h"

#include <string.h>

/* What stands behind the seal and before the item; lives in one process only, so in its layout. */
typedef struct snapshot_head {
  int64_t now_ms;
  uint64_t columns_read;
} snapshot_head;

enum { BODY_OFFSET = DDS_SHA256_BYTES, ITEM_OFFSET = BODY_OFFSET + sizeof(snapshot_head) };

bool dds_snapshot_append(dds_snapshot_seal *seal, const dds_old_row *row, dds_buffer *snapshot,
                         dds_error *error) {
  unsigned char digest[DDS_SHA256_BYTES] = {0};
  snapshot_head head = {.now_ms = row->now_ms, .columns_read = row->columns_read};
  size_t start = snapshot->length;
  dds_buffer_reserve(snapshot, ITEM_OFFSET + row->item->json.length);
  dds_buffer_append(snapshot, (const char *)digest, sizeof digest);
  dds_buffer_append(snapshot, (const char *)&head, sizeof head);
  dds_buffer_append(snapshot, row->item->json.text, row->item->json.length);
  if (!dds_buffer_check(snapshot, error)) {
    return false;
  }
  const char *body = snapshot->data + start + BODY_OFFSET;
  if (!dds_hasher_hmac(&seal->hasher, seal->secret, body, snapshot->length - start - BODY_OFFSET,
                       digest)) {
    return dds_error_set(error, DDS_ERROR, "OpenSSL cannot compute HMAC-SHA256");
  }
  memcpy(snapshot->data + start, digest, sizeof digest);
  return true;
}

bool dds_snapshot_open(dds_snapshot_seal *seal, const void *bytes, size_t length, dds_old_row *row,
                       dds_item *item, dds_error *error) {
  const char *snapshot = bytes;
  unsigned char digest[DDS_SHA256_BYTES];
  snapshot_head head;
  if (length <= ITEM_OFFSET ||
      !dds_hasher_hmac(&seal->hasher, seal->secret, snapshot + BODY_OFFSET, length - BODY_OFFSET,
                       digest) ||
      !dds_hash_equal(digest, snapshot, sizeof digest)) {
    return dds_error_set(error, DDS_ERROR,
                         "the column snapshot is not for use: leave it out of the UPDATE");
  }
  memcpy(&head, snapshot + BODY_OFFSET, sizeof head);
  *item = dds_item_of(snapshot + ITEM_OFFSET, length - ITEM_OFFSET);
  *row = (dds_old_row){.item = item, .columns_read = head.columns_read, .now_ms = head.now_ms};
  return true;
}
