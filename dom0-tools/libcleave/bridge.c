/* SPDX-License-Identifier: MIT */
/* Bridges, by the ioctls of netdevice(7) and linux/sockios.h. Read next: devices.c. */
#include "bridge.h"

#include <errno.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define DEFAULT_MTU 1500

static struct ifreq request_for(const char *name)
{
    struct ifreq request = { .ifr_flags = 0 };

    snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
    return request;
}

bool bridge_exists(const char *bridge)
{
    char path[64];

    snprintf(path, sizeof(path), "/sys/class/net/%s/bridge", bridge);
    return access(path, F_OK) == 0;
}

unsigned int bridge_mtu(const char *bridge)
{
    struct ifreq request = request_for(bridge);
    int control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    unsigned int mtu = DEFAULT_MTU;

    if (control >= 0 && ioctl(control, SIOCGIFMTU, &request) == 0)
        mtu = request.ifr_mtu;
    if (control >= 0)
        close(control);
    return mtu;
}

int bridge_join(const char *bridge, const char *interface)
{
    struct ifreq address = request_for(interface), mtu = request_for(interface);
    struct ifreq member = request_for(bridge), up = request_for(interface);
    int control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int rc = 0;

    /* The highest unicast address: a bridge adopts the lowest address of its members. */
    address.ifr_hwaddr.sa_family = ARPHRD_ETHER;
    memcpy(address.ifr_hwaddr.sa_data, "\xfe\xff\xff\xff\xff\xff", 6);
    mtu.ifr_mtu = bridge_mtu(bridge);
    member.ifr_ifindex = if_nametoindex(interface);
    up.ifr_flags = IFF_UP;
    if (control < 0 || !member.ifr_ifindex || ioctl(control, SIOCSIFHWADDR, &address) < 0 ||
        ioctl(control, SIOCSIFMTU, &mtu) < 0 || ioctl(control, SIOCBRADDIF, &member) < 0 ||
        ioctl(control, SIOCSIFFLAGS, &up) < 0)
        rc = -errno;
    if (control >= 0)
        close(control);
    return rc;
}
