/* Asking whether to stop, and what may not be done meanwhile. */
#include "aws/stop.h"

#include <stddef.h>

bool dds_stop_ask(dds_stop *stop) {
  if (stop->asked == NULL) {
    return false;
  }
  stop->is_being_asked = true;
  bool must_stop = stop->asked(stop->context);
  stop->is_being_asked = false;
  return must_stop;
}

bool dds_stop_check_outside(const dds_stop *stop, dds_error *error) {
  return !stop->is_being_asked ||
         dds_error_set(error, DDS_ERROR,
                       "the statement was run inside the progress handler of another one that "
                       "waits for its answer: SQLite does not allow a progress handler to use its "
                       "database connection, so use another connection there");
}
