/* What was found, as JSON. What is not known is null. */
#include <math.h>
#include <string.h>

#include <tenon/tenon.h>

#include "doctor.h"

void json_maybe(json *j, const char *name, double number)
{
    if (number >= 0 && number < 1e15 && floor(number) == number)
        json_count(j, name, (int64_t)number);
    else
        json_real(j, name, number < 0 ? (double)NAN : number);
}

static void text_maybe(json *j, const char *name, const char *text)
{
    json_text(j, name, *text ? text : NULL);
}

void gpu_json(json *j, const gpu_facts *g)
{
    char why[WORDS];
    clock_reasons(g->reasons, why);
    json_text(j, "name", g->name);
    json_maybe(j, "memory_bytes", g->memory);
    json_maybe(j, "memory_used_bytes", g->used);
    json_maybe(j, "busy", g->busy < 0 ? -1 : g->busy / 100.0);
    json_maybe(j, "watts", g->watts);
    json_maybe(j, "watts_limit", g->watts_most);
    json_maybe(j, "celsius", g->celsius);
    json_maybe(j, "clock_mhz", g->clock);
    json_maybe(j, "clock_most_mhz", g->clock_most);
    text_maybe(j, "slowed_by", why);
}

static void write_findings(json *j, const findings *found)
{
    json_array(j, "findings");
    for (int i = 0; i < found->count; i++) {
        const finding *f = &found->at[i];
        json_object(j, NULL);
        json_text(j, "id", f->id);
        json_text(j, "level", level_name(f->level));
        json_text(j, "text", f->text);
        json_text(j, "remedy", f->remedy);
        json_end(j, '}');
    }
    json_end(j, ']');
}

static void write_build(json *j, const build_facts *b)
{
    json_object(j, "build");
    json_text(j, "tenon", tn_version());
    json_text(j, "kind", b->kind);
    text_maybe(j, "sanitizers", b->sanitizers);
    json_text(j, "compiler", b->compiler);
    text_maybe(j, "cuda", b->cuda);
    text_maybe(j, "cudnn", b->cudnn);
    text_maybe(j, "nccl", b->nccl);
    text_maybe(j, "onednn", b->onednn);
    text_maybe(j, "mpi", b->mpi);
    text_maybe(j, "libjpeg_turbo", b->jpeg);
    json_end(j, '}');
}

static void write_libraries(json *j, const facts *f)
{
    json_object(j, "libraries");
    for (int i = 0; i < LIBRARIES; i++) {
        const library_facts *l = &f->library[i];
        json_object(j, library_names[i]);
        json_text(j, "state", library_state_name(l->state));
        text_maybe(j, "found", l->found);
        text_maybe(j, "wanted", l->wanted);
        text_maybe(j, "file", l->where);
        json_end(j, '}');
    }
    json_end(j, '}');
}

static void write_gpus(json *j, const gpus_facts *g)
{
    static const char *const states[] = {[DRIVER_NONE] = "missing",
                                         [DRIVER_NO_ANSWER] = "no answer",
                                         [DRIVER_MISMATCH] = "mismatch",
                                         [DRIVER_READY] = "ready"};
    json_object(j, "driver");
    json_text(j, "state", states[g->driver]);
    text_maybe(j, "version", g->version);
    text_maybe(j, "module", g->module);
    json_maybe(j, "cuda", g->cuda ? g->cuda / 1000 + g->cuda % 1000 / 10 / 10.0 : -1);
    text_maybe(j, "error", g->why);
    json_count(j, "boards", g->boards);
    text_maybe(j, "board_driver", g->board_driver);
    json_end(j, '}');
    json_array(j, "gpus");
    for (int i = 0; i < g->count; i++) {
        const gpu_facts *c = &g->gpu[i];
        char capability[32];
        snprintf(capability, sizeof capability, "%d.%d", c->major, c->minor);
        json_object(j, NULL);
        gpu_json(j, c);
        text_maybe(j, "bus", c->bus);
        text_maybe(j, "compute_capability", c->major < 0 ? "" : capability);
        json_maybe(j, "pcie_lanes", c->lanes);
        json_maybe(j, "pcie_lanes_most", c->lanes_most);
        json_maybe(j, "pcie_generation", c->generation);
        json_maybe(j, "pcie_generation_most", c->generation_most);
        json_count(j, "nvlinks", c->nvlinks);
        json_maybe(j, "memory_errors", (double)c->ecc_errors);
        json_maybe(j, "persistence_mode", c->persistent);
        json_maybe(j, "mig", c->mig);
        json_maybe(j, "processes", c->processes);
        text_maybe(j, "links", g->count > 1 ? g->links[i] : "");
        json_end(j, '}');
    }
    json_end(j, ']');
}

static void write_host(json *j, const facts *f)
{
    const host_facts *h = &f->host;
    json_object(j, "host");
    json_text(j, "system", h->system);
    json_text(j, "kernel", h->kernel);
    text_maybe(j, "virtual_machine", h->virtual_machine);
    text_maybe(j, "container", h->container);
    json_text(j, "processor", h->cpu);
    json_text(j, "instructions", h->flags);
    json_count(j, "cores", h->cores);
    json_count(j, "cores_allowed", h->mine);
    json_count(j, "threads", h->threads);
    json_count(j, "memory_nodes", h->nodes);
    json_maybe(j, "load", h->load);
    json_maybe(j, "busy", h->busy);
    json_maybe(j, "mhz", h->mhz > 0 ? h->mhz : -1);
    json_maybe(j, "mhz_most", h->mhz_most > 0 ? h->mhz_most : -1);
    text_maybe(j, "governor", h->governor);
    json_maybe(j, "memory_bytes", h->memory);
    json_maybe(j, "memory_available_bytes", h->available);
    json_maybe(j, "memory_limited_to_bytes", h->limit > 0 ? h->limit : -1);
    json_maybe(j, "swap_used_bytes", h->swap);
    json_maybe(j, "shm_bytes", h->shm);
    json_maybe(j, "shm_free_bytes", h->shm_free);
    json_text(j, "device", h->device);
    json_end(j, '}');
    json_object(j, "disk");
    json_text(j, "folder", f->disk.folder);
    text_maybe(j, "kind", f->disk.kind);
    json_maybe(j, "bytes", f->disk.size);
    json_maybe(j, "free_bytes", f->disk.free);
    json_end(j, '}');
    json_object(j, "variables");
    for (const variable *v = variables; v->name; v++)
        if (f->variable(v->name))
            json_text(j, v->name, f->variable(v->name));
    json_end(j, '}');
}

static void write_measured(json *j, const measured_facts *m)
{
    json_object(j, "measured");
    json_maybe(j, "cpu_flops_per_second", m->flops);
    json_maybe(j, "cpu_bytes_per_second", m->bytes);
    json_array(j, "gpus");
    for (int i = 0; i < m->gpus; i++) {
        json_object(j, NULL);
        json_maybe(j, "flops_per_second", m->gpu_flops[i]);
        json_maybe(j, "bytes_per_second", m->gpu_bytes[i]);
        json_end(j, '}');
    }
    json_end(j, ']');
    json_maybe(j, "loader_images_per_second", m->images);
    json_maybe(j, "disk_bytes_per_second", m->disk);
    json_end(j, '}');
}

void tell_json(const facts *f, const findings *found)
{
    json j = {.to = stdout};
    json_object(&j, NULL);
    write_findings(&j, found);
    write_gpus(&j, &f->gpus);
    write_libraries(&j, f);
    write_host(&j, f);
    if (f->measured.asked)
        write_measured(&j, &f->measured);
    else
        json_null(&j, "measured");
    write_build(&j, &f->build);
    json_end(&j, '}');
}
