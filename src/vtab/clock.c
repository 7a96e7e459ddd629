/* SQLite's own clock and its ways to be stopped. */
#include "vtab/clock.h"

#include <stddef.h>

/* The VFS counts from noon of 24 November 4714 BC (Julian day 0). */
#define JULIAN_EPOCH_MS INT64_C(210866760000000)

int64_t dds_clock_now_ms(sqlite3 *db) {
  sqlite3_vfs *vfs = NULL;
  sqlite3_int64 julian_ms = 0;
  if (sqlite3_file_control(db, "main", SQLITE_FCNTL_VFS_POINTER, &vfs) != SQLITE_OK ||
      vfs == NULL) {
    vfs = sqlite3_vfs_find(NULL);
  }
  if (vfs->iVersion >= 2 && vfs->xCurrentTimeInt64 != NULL) {
    vfs->xCurrentTimeInt64(vfs, &julian_ms);
  } else {
    double julian_day = 0;
    vfs->xCurrentTime(vfs, &julian_day);
    julian_ms = (sqlite3_int64)(julian_day * 86400000.0);
  }
  return julian_ms - JULIAN_EPOCH_MS;
}

bool dds_clock_stop_asked(sqlite3 *db) {
  sqlite3_stmt *statement = NULL;
  /* 20,000 steps of SQLite's machine, after as many of which a progress handler is called; a join
   * of counted rows takes a third of the time of a recursive query. */
  int rc = sqlite3_prepare_v2(db,
                              "WITH c(i) AS (VALUES(0),(1),(2),(3),(4),(5),(6),(7),(8),(9)) "
                              "SELECT count(*) FROM c AS a, c AS b, c AS d, c AS e",
                              -1, &statement, NULL);
  if (rc == SQLITE_OK) {
    rc = sqlite3_step(statement);
  }
  /* A statement that stayed prepared would make sqlite3_close return SQLITE_BUSY. */
  sqlite3_finalize(statement);
  return rc == SQLITE_INTERRUPT;
}
