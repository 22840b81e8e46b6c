#define _GNU_SOURCE
#include "CSystem.h"
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#ifdef __APPLE__
#include <mach/mach.h>
#endif

#ifndef MAP_ANONYMOUS
#define MAP_ANONYMOUS MAP_ANON
#endif
// What processors of both kinds call a large page.
#define LARGE_PAGE ((size_t)2 << 20)

/// Bytes that are mapped for `count`: whole pages, and whole large ones where the last is used for the most part. 0 if there are not so many.
static size_t mapped_bytes(size_t count) {
    if (count > SIZE_MAX - 2 * LARGE_PAGE) return 0;
    const size_t page = (size_t)sysconf(_SC_PAGESIZE), unit = count % LARGE_PAGE > LARGE_PAGE / 2 ? LARGE_PAGE : page;
    return (count + unit - 1) / unit * unit;
}

void *thimble_map_memory(size_t count) {
    const size_t whole = mapped_bytes(count), slack = whole >= LARGE_PAGE ? LARGE_PAGE : 0;
    if (whole == 0 && count > 0) return NULL;
    char *base = mmap(NULL, whole + slack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED) return NULL;
    if (slack == 0) return base;
    // The slack goes back, half before and half behind the border of a large page.
    char *begin = (char *)(((uintptr_t)base + slack - 1) / LARGE_PAGE * LARGE_PAGE), *end = base + whole + slack;
    if (begin > base) munmap(base, (size_t)(begin - base));
    if (end > begin + whole) munmap(begin + whole, (size_t)(end - begin) - whole);
#ifdef MADV_HUGEPAGE
    (void)madvise(begin, whole / LARGE_PAGE * LARGE_PAGE, MADV_HUGEPAGE);
#endif
    return begin;
}

void thimble_unmap_memory(void *base, size_t count) { munmap(base, mapped_bytes(count)); }

#ifdef __linux__
/// A line of /proc/self/status that counts KiB.
static int64_t status_bytes(const char *status, const char *key) {
    const char *line = strstr(status, key);
    return line ? (int64_t)strtoll(line + strlen(key), NULL, 10) * 1024 : 0;
}
#endif

void thimble_memory_in_use(int64_t *now, int64_t *peak) {
    *now = *peak = 0;
#ifdef __linux__
    char status[4096];
    int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    if (fd < 0) return;
    ssize_t n = read(fd, status, sizeof status - 1);
    close(fd);
    status[n > 0 ? n : 0] = 0;
    *now = status_bytes(status, "VmRSS:");
    *peak = status_bytes(status, "VmHWM:");
#elif defined(__APPLE__)
    struct mach_task_basic_info info;
    mach_msg_type_number_t count = MACH_TASK_BASIC_INFO_COUNT;
    if (task_info(mach_task_self(), MACH_TASK_BASIC_INFO, (task_info_t)&info, &count) != KERN_SUCCESS) return;
    *now = (int64_t)info.resident_size;
    *peak = (int64_t)info.resident_size_max;
#endif
}
