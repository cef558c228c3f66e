/* SPDX-License-Identifier: MIT */
#include "wait_model.h"
#include "harness.h"
#include "core/evtchn.h"
#include "core/vcpu.h"

unsigned int told;

void evtchn_raise_global_virq(uint32_t virq)
{
    assert_int_equal(virq, VIRQ_MEM_EVENT);
    told++;
}

void vcpu_wait_in_exit(struct vcpu *v, enum vcpu_wait what)
{
    v->exit_again = true;
    v->wait = what;
}

bool vcpu_end_wait(struct vcpu *v, enum vcpu_wait what)
{
    if (v->wait != what)
        return false;
    v->wait = WAIT_NONE;
    return true;
}
