#define _GNU_SOURCE
#include "CSystem.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef __linux__
#include <linux/openat2.h>
#include <sched.h>
#include <sys/syscall.h>
#else
#include <sys/sysctl.h>
#endif

int64_t thimble_copy_file_range(int in, int64_t in_offset, int out, int64_t out_offset, size_t count) {
#ifdef __linux__
    off64_t from = in_offset, to = out_offset;
    return copy_file_range(in, &from, out, &to, count, 0);
#else
    errno = ENOSYS;
    return -1;
#endif
}

int thimble_open_unnamed(int dirfd, unsigned mode) {
#ifdef O_TMPFILE
    return openat(dirfd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, mode);
#else
    errno = EOPNOTSUPP;
    return -1;
#endif
}

int thimble_link_unnamed(int fd, int dirfd, const char *name) {
#ifdef __linux__
    char path[40];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return linkat(AT_FDCWD, path, dirfd, name, AT_SYMLINK_FOLLOW);
#else
    errno = EOPNOTSUPP;
    return -1;
#endif
}

int thimble_rename_exclusive(int dirfd, const char *from, const char *to) {
#ifdef __linux__
    int result = renameat2(dirfd, from, dirfd, to, RENAME_NOREPLACE);
    if (result == 0 || (errno != EINVAL && errno != ENOSYS)) return result;
#endif
    // link(2) refuses an existing name everywhere; the old name goes afterwards.
    if (linkat(dirfd, from, dirfd, to, 0) != 0) return -1;
    unlinkat(dirfd, from, 0);
    return 0;
}

void thimble_start_writeback(int fd, int64_t offset, int64_t count) {
#ifdef __linux__
    int saved = errno;
    (void)sync_file_range(fd, offset, count, SYNC_FILE_RANGE_WRITE);
    errno = saved;
#endif
}

static int open_plain(int dirfd, const char *path, bool follow_links, enum thimble_open_problem *problem) {
    // O_NONBLOCK: opening a FIFO must not wait for its writer.
    const int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
    if (follow_links) {
        int fd = openat(dirfd, path, flags);
        if (fd < 0) *problem = errno == ELOOP ? THIMBLE_OPEN_NOT_REGULAR : THIMBLE_OPEN_ERRNO;
        return fd;
    }
#if defined(__linux__) && defined(SYS_openat2)
    struct open_how how = { .flags = (unsigned)flags, .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS };
    int fd = (int)syscall(SYS_openat2, dirfd, path, &how, sizeof how);
    if (fd >= 0) return fd;
    if (errno != ENOSYS && errno != EPERM) {
        *problem = errno == ELOOP ? THIMBLE_OPEN_SYMLINK : errno == EXDEV ? THIMBLE_OPEN_OUTSIDE : THIMBLE_OPEN_ERRNO;
        return -1;
    }
#endif
    // One component at a time, following nothing.
    char part[256];
    int at = dup(dirfd);
    while (at >= 0) {
        size_t n = strcspn(path, "/");
        if (n >= sizeof part) { errno = ENAMETOOLONG; break; }
        memcpy(part, path, n);
        part[n] = 0;
        path += n;
        while (*path == '/') path++;
        int next = openat(at, n ? part : ".", *path ? (O_RDONLY | O_CLOEXEC | O_DIRECTORY | O_NOFOLLOW) : (flags | O_NOFOLLOW));
        int saved = errno;
        close(at);
        errno = saved;
        if (next < 0) { at = -1; break; }
        if (!*path) return next;
        at = next;
    }
    if (at >= 0) close(at);
    *problem = errno == ELOOP || errno == ENOTDIR ? THIMBLE_OPEN_SYMLINK : THIMBLE_OPEN_ERRNO;
    return -1;
}

int thimble_open_beneath(int dirfd, const char *path, bool follow_links, enum thimble_open_problem *problem) {
    *problem = THIMBLE_OPEN_OK;
    int fd = open_plain(dirfd, path, follow_links, problem);
    if (fd < 0) return -1;
    struct stat s;
    if (fstat(fd, &s) != 0) *problem = THIMBLE_OPEN_ERRNO;
    else if (!S_ISREG(s.st_mode)) *problem = THIMBLE_OPEN_NOT_REGULAR;
    else if (!follow_links && s.st_nlink > 1) *problem = THIMBLE_OPEN_HARD_LINKS;
    else if (follow_links && s.st_uid != geteuid() && s.st_uid != 0) { errno = EACCES; *problem = THIMBLE_OPEN_ERRNO; }
    else return fd;
    int saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

void thimble_release_pages(const void *base, size_t count) {
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), from = (uintptr_t)base & ~(page - 1);
    (void)madvise((void *)from, (uintptr_t)base + count - from, MADV_DONTNEED);
}

void thimble_advise_random(const void *base, size_t count) {
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), from = (uintptr_t)base & ~(page - 1);
    (void)madvise((void *)from, (uintptr_t)base + count - from, MADV_RANDOM);
}

void thimble_advise_normal(const void *base, size_t count) {
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), from = (uintptr_t)base & ~(page - 1);
    (void)madvise((void *)from, (uintptr_t)base + count - from, MADV_NORMAL);
}

int thimble_identity(int fd, struct thimble_file_identity *out) {
    struct stat s;
    if (fstat(fd, &s) != 0) return -1;
    out->device = (uint64_t)s.st_dev;
    out->inode = (uint64_t)s.st_ino;
    out->size = s.st_size;
#ifdef __APPLE__
    out->modified_ns = (int64_t)s.st_mtimespec.tv_sec * 1000000000 + s.st_mtimespec.tv_nsec;
    out->changed_ns = (int64_t)s.st_ctimespec.tv_sec * 1000000000 + s.st_ctimespec.tv_nsec;
#else
    out->modified_ns = (int64_t)s.st_mtim.tv_sec * 1000000000 + s.st_mtim.tv_nsec;
    out->changed_ns = (int64_t)s.st_ctim.tv_sec * 1000000000 + s.st_ctim.tv_nsec;
#endif
    return 0;
}

int thimble_processor_count(void) {
#ifdef __linux__
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) {
        int n = CPU_COUNT(&set);
        if (n > 0) return n;
    }
#endif
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 ? (int)n : 1;
}
