/* SPDX-License-Identifier: MIT */
/* The store paths that guests use, relative to their own /local/domain/ID. */
#ifndef GUESTS_LIB_STORE_PATHS_H
#define GUESTS_LIB_STORE_PATHS_H

#define PATH_DOMID "domid"
#define PATH_NAME "name"
#define PATH_SHUTDOWN "control/shutdown"
#define PATH_FEATURE_POWEROFF "control/feature-poweroff"
#define PATH_FEATURE_REBOOT "control/feature-reboot"
#define PATH_HEARTBEAT "data/heartbeat"
#define PATH_UPTIME "data/uptime"
#define PATH_RESULT "data/result"

#endif
