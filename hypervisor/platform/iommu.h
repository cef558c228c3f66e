/* SPDX-License-Identifier: MIT */
/* IOMMUs (platform/iommu.c). */
#ifndef CLV_PLATFORM_IOMMU_H
#define CLV_PLATFORM_IOMMU_H

void iommu_off(void); /* disables IOMMUs that firmware left enabled */

#endif
