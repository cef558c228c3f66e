/* SPDX-License-Identifier: MIT */
/* A plan's timeline as an SVG file: a row for each CPU, a colour for each VM. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cpu.h"
#include "report.h"

#define LEFT 70
#define WIDTH 1000
#define ROW 20
#define TOP 24
#define TICKS 5
#define HUE_STEP 137 /* degrees: neighbours get distinct colours */

/* Converts a time to thousandths of a pixel. */
static uint64_t scale(const struct planner_plan *plan, uint64_t ns)
{
    return ns * WIDTH * 1000 / plan->period_ns;
}

static void draw_slot(FILE *out, const struct cpu_scene *scene, const struct planner_plan *plan,
                      uint32_t cpu, const struct planner_slot *slot)
{
    uint64_t x = scale(plan, slot->start), width = scale(plan, slot->end) - x;

    fprintf(out,
            "<rect x=\"%" PRIu64 ".%03u\" y=\"%u\" width=\"%" PRIu64 ".%03u\" height=\"%d\" "
            "fill=\"hsl(%u,60%%,70%%)\" stroke=\"white\" stroke-width=\"0.3\">",
            LEFT + x / 1000, (unsigned int)(x % 1000), TOP + cpu * ROW, width / 1000,
            (unsigned int)(width % 1000), ROW - 2, slot->vm * HUE_STEP % 360);
    /* The characters that a name may have need no escapes. */
    fprintf(out, "<title>%s vCPU %u: %" PRIu64 " to %" PRIu64 " ns</title></rect>\n",
            scene->files[slot->vm].name, slot->vcpu, slot->start, slot->end);
}

static void draw_axis(FILE *out, const struct planner_plan *plan)
{
    for (unsigned int tick = 0; tick <= TICKS; tick++) {
        uint64_t us = plan->period_ns * tick / TICKS / 1000;

        fprintf(out, "<text x=\"%u\" y=\"14\" text-anchor=\"middle\">%" PRIu64 ".%03u ms</text>\n",
                LEFT + WIDTH * tick / TICKS, us / 1000, (unsigned int)(us % 1000));
    }
}

static void draw_legend(FILE *out, const struct cpu_scene *scene, const struct planner_plan *plan)
{
    for (uint32_t vm = 0; vm < plan->vm_count; vm++) {
        uint32_t y = TOP + (plan->cpus + 1 + vm) * ROW;

        fprintf(out, "<rect x=\"%d\" y=\"%u\" width=\"14\" height=\"14\" ", LEFT, y);
        fprintf(out, "fill=\"hsl(%u,60%%,70%%)\"/>\n", vm * HUE_STEP % 360);
        fprintf(out, "<text x=\"%d\" y=\"%u\">%s: %u x %u MHz, %s</text>\n", LEFT + 20, y + 12,
                scene->files[vm].name, scene->vms[vm].vcpus, scene->vms[vm].mhz,
                cpuprint_classes[scene->vms[vm].class]);
    }
}

static void draw(FILE *out, const struct cpu_scene *scene, const struct planner_plan *plan)
{
    uint32_t height = TOP + (plan->cpus + plan->vm_count + 2) * ROW;

    fprintf(out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%u\" "
            "font-family=\"sans-serif\" font-size=\"12\">\n",
            LEFT + WIDTH + 50, height);
    fprintf(out, "<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n");
    draw_axis(out, plan);
    for (uint32_t cpu = 0; cpu < plan->cpus; cpu++) {
        fprintf(out, "<text x=\"8\" y=\"%u\">CPU %u</text>\n", TOP + cpu * ROW + 14, cpu);
        fprintf(out, "<rect x=\"%d\" y=\"%u\" width=\"%d\" height=\"%d\" fill=\"#eeeeee\"/>\n",
                LEFT, TOP + cpu * ROW, WIDTH, ROW - 2);
        for (size_t i = 0; i < plan->tables[cpu].count; i++)
            draw_slot(out, scene, plan, cpu, &plan->tables[cpu].slots[i]);
    }
    draw_legend(out, scene, plan);
    fprintf(out, "</svg>\n");
}

int cpusvg_write(const struct cpu_scene *scene, const struct planner_plan *plan, const char *path)
{
    FILE *out = fopen(path, "we");
    bool failed;

    if (!out) {
        report_error(report_by_errno(errno), "--svg %s: %s", path, strerror(errno));
        return -errno;
    }
    draw(out, scene, plan);
    failed = ferror(out);
    if (fclose(out) == 0 && !failed)
        return 0;
    report_error(REPORT_INTERNAL, "--svg %s: cannot write it completely", path);
    return -EIO;
}
