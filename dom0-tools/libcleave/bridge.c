/* SPDX-License-Identifier: MIT */
/* Bridges, by rtnetlink(7), whose messages libmnl writes. Read next: devices.c. */
#include "bridge.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <unistd.h>

#define DEFAULT_MTU 1500
/* A request or its answer, which repeats the request. */
#define MESSAGE_MAX 1024

bool bridge_exists(const char *bridge)
{
    char path[64];

    snprintf(path, sizeof(path), "/sys/class/net/%s/bridge", bridge);
    return access(path, F_OK) == 0;
}

unsigned int bridge_mtu(const char *bridge)
{
    char path[64];
    unsigned int mtu;
    FILE *file;

    snprintf(path, sizeof(path), "/sys/class/net/%s/mtu", bridge);
    file = fopen(path, "re");
    if (!file || fscanf(file, "%u", &mtu) != 1)
        mtu = DEFAULT_MTU;
    if (file)
        fclose(file);
    return mtu;
}

/* Sends the request and waits for the kernel's answer. Returns 0 or a negative errno. */
static int ask_kernel(struct nlmsghdr *request)
{
    struct mnl_socket *kernel = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
    char answer[MESSAGE_MAX];
    ssize_t length = -1;
    int rc = 0;

    if (kernel && mnl_socket_bind(kernel, 0, MNL_SOCKET_AUTOPID) == 0 &&
        mnl_socket_sendto(kernel, request, request->nlmsg_len) >= 0)
        length = mnl_socket_recvfrom(kernel, answer, sizeof(answer));
    if (length < 0 || mnl_cb_run(answer, length, request->nlmsg_seq, mnl_socket_get_portid(kernel),
                                 NULL, NULL) < 0)
        rc = -errno;
    if (kernel)
        mnl_socket_close(kernel);
    return rc;
}

int bridge_join(const char *bridge, const char *interface)
{
    /* The highest unicast address: a bridge adopts the lowest address of its members. */
    static const unsigned char address[] = { 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff };
    _Alignas(struct nlmsghdr) char message[MESSAGE_MAX];
    struct nlmsghdr *request = mnl_nlmsg_put_header(message);
    struct ifinfomsg *link = mnl_nlmsg_put_extra_header(request, sizeof(*link));
    unsigned int index = if_nametoindex(bridge);

    request->nlmsg_type = RTM_NEWLINK;
    request->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
    request->nlmsg_seq = 1;
    link->ifi_index = if_nametoindex(interface);
    link->ifi_flags = link->ifi_change = IFF_UP;
    if (!index || !link->ifi_index)
        return -ENODEV;
    mnl_attr_put(request, IFLA_ADDRESS, sizeof(address), address);
    mnl_attr_put_u32(request, IFLA_MTU, bridge_mtu(bridge));
    mnl_attr_put_u32(request, IFLA_MASTER, index);
    return ask_kernel(request);
}
