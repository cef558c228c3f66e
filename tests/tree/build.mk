# SPDX-License-Identifier: MIT
#
# The rules about the source tree itself (check.sh), part of `make check-unit`.

CHECK_UNIT += tests/tree/check.sh
DEPS_PACKAGES += clang-format-14
check-unit: export HV_CC = $(CC) $(HV_CFLAGS)
check-unit: export HV_OBJECTS = $(HV_BUILD)/hypervisor
check-unit: $(HV_OBJ) | $(HV_XEN_INCLUDE)/xen

# Calls between the core's folders and files (floors.sh), from the debug core's objects by nm.
.PHONY: floors check-floors
check-floors: $(HV_OBJ)
	@tests/tree/floors.sh check $(HV_BUILD)/hypervisor
$(if $(filter 1,$(HV_DEBUG)),$(eval check-unit: check-floors))

# The actual floors, also as build/floors.svg, which omits calls implied by others.
floors: $(HV_OBJ)
	@tests/rig/deps.sh graphviz
	@tests/tree/floors.sh text $(HV_BUILD)/hypervisor
	@tests/tree/floors.sh dot $(HV_BUILD)/hypervisor | tred 2>/dev/null | dot -Tsvg -o build/floors.svg
