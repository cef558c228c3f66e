# SPDX-License-Identifier: MIT
#
# The rules about the source tree itself (check.sh), part of `make check-unit`.

CHECK_UNIT += tests/tree/check.sh
check-unit: export HV_CC = $(CC) $(HV_CFLAGS)
check-unit: | $(HV_XEN_INCLUDE)/xen
