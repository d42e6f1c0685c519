/* A plugin for qemu's user-mode emulators: counts the instructions of the emulated program, all its threads
 * together, and says `Collected : NUMBER` at its end. scripts/bench-arm compiles and uses it:
 *     cc -shared -fPIC -DAPI=1 -o count.so count-instructions.c
 *     qemu-arm -plugin ./count.so -d plugin PROGRAM
 * Debian has no package with qemu-plugin.h, so what is needed of qemu's documented interface is declared here.
 * API is the interface's version that the qemu at hand accepts; what is used here is the same in all. */
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>

#define EXPORT __attribute__((visibility("default")))

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb; /* a translated block: instructions that run one after the other */
enum qemu_plugin_cb_flags { QEMU_PLUGIN_CB_NO_REGS };
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t, void (*)(qemu_plugin_id_t, struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *, void (*)(unsigned int, void *),
                                          enum qemu_plugin_cb_flags, void *);
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t, void (*)(qemu_plugin_id_t, void *), void *);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
void qemu_plugin_outs(const char *);

EXPORT int qemu_plugin_version = API;

static uint64_t count;

/* A block is about to run; each thread of the program has a processor. */
static void run(unsigned int processor, void *instructions)
{
    (void)processor;
    __atomic_fetch_add(&count, (uintptr_t)instructions, __ATOMIC_RELAXED);
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *block)
{
    (void)id;
    void *instructions = (void *)qemu_plugin_tb_n_insns(block);
    qemu_plugin_register_vcpu_tb_exec_cb(block, run, QEMU_PLUGIN_CB_NO_REGS, instructions);
}

static void ended(qemu_plugin_id_t id, void *unused)
{
    (void)id, (void)unused;
    char text[40];
    snprintf(text, sizeof text, "Collected : %" PRIu64 "\n", count);
    qemu_plugin_outs(text);
}

EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const void *qemu, int argc, char **argv)
{
    (void)qemu, (void)argc, (void)argv;
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    qemu_plugin_register_atexit_cb(id, ended, NULL);
    return 0;
}
