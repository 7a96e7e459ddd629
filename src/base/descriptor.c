/* One call of fcntl does both: the lowest free number from 3 on, closed on exec. */
#include "base/descriptor.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { FIRST_DESCRIPTOR = 3 }; /* behind the standard ones */

int dds_descriptor_lift(int *descriptor) {
  int lifted = fcntl(*descriptor, F_DUPFD_CLOEXEC, FIRST_DESCRIPTOR);
  int failure = lifted < 0 ? errno : 0;
  close(*descriptor);
  *descriptor = lifted;
  return failure;
}
