// A mapped file that another process shortens raises SIGBUS at the next touch of the lost pages. The handler maps zero
// pages over them and raises a flag: the read ends, the flag is checked before any result is kept. No longjmp, because
// unwinding over Swift frames leaves locks held and memory leaked.
#define _GNU_SOURCE
#include "CSystem.h"
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

#define SLOTS 256

static struct {
    atomic_bool taken, damaged;
    _Atomic(uintptr_t) base, end;
} slots[SLOTS];
static struct sigaction before;
static uintptr_t page;

static void on_bus_error(int signal_number, siginfo_t *info, void *context) {
    (void)context;
    int saved = errno;
    uintptr_t at = (uintptr_t)info->si_addr;
    if (info->si_code > 0) {  // raised by the kernel, not by kill(2)
        for (int i = 0; i < SLOTS; i++) {
            uintptr_t base = atomic_load(&slots[i].base), end = atomic_load(&slots[i].end);
            if (at < base || at >= end) continue;
            uintptr_t from = at & ~(page - 1), to = (end + page - 1) & ~(page - 1);
            atomic_store(&slots[i].damaged, true);
            if (mmap((void *)from, to - from, PROT_READ, MAP_PRIVATE | MAP_ANON | MAP_FIXED, -1, 0) != MAP_FAILED) {
                errno = saved;
                return;  // the load is executed again and reads zero
            }
        }
    }
    sigaction(signal_number, &before, NULL);  // not ours: the second fault ends the process in the usual way
    errno = saved;
}

int thimble_guard_install(void) {
    page = (uintptr_t)sysconf(_SC_PAGESIZE);
    struct sigaction action = { 0 };
    action.sa_sigaction = on_bus_error;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigemptyset(&action.sa_mask);
    return sigaction(SIGBUS, &action, &before);
}

int thimble_guard_register(const void *base, size_t count) {
    for (int i = 0; i < SLOTS; i++) {
        bool expected = false;
        if (!atomic_compare_exchange_strong(&slots[i].taken, &expected, true)) continue;
        atomic_store(&slots[i].damaged, false);
        atomic_store(&slots[i].base, (uintptr_t)base);
        atomic_store(&slots[i].end, (uintptr_t)base + count);
        return i;
    }
    return -1;
}

bool thimble_guard_damaged(int slot) { return slot >= 0 && slot < SLOTS && atomic_load(&slots[slot].damaged); }

void thimble_guard_unregister(int slot) {
    if (slot < 0 || slot >= SLOTS) return;
    atomic_store(&slots[slot].end, 0);
    atomic_store(&slots[slot].base, 0);
    atomic_store(&slots[slot].taken, false);
}
