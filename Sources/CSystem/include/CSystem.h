// The few system calls that Swift's C library overlay does not offer, or whose signatures differ between platforms.
#ifndef THIMBLE_CSYSTEM_H
#define THIMBLE_CSYSTEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// --- files

/// Copies at most `count` bytes inside the kernel. Returns the bytes copied, 0 at the source's end, or -1 with errno
/// (ENOSYS where the platform has no such call).
int64_t thimble_copy_file_range(int in, int64_t in_offset, int out, int64_t out_offset, size_t count);

/// Opens an unnamed file in the directory `dirfd` for writing, or -1 with errno (EOPNOTSUPP, ENOSYS where there is none).
int thimble_open_unnamed(int dirfd, unsigned mode);

/// Gives the unnamed file `fd` the name `name` in `dirfd`; -1 with errno (EEXIST if the name is taken).
int thimble_link_unnamed(int fd, int dirfd, const char *name);

/// Renames within `dirfd` and refuses to replace: -1 with EEXIST if `to` exists.
int thimble_rename_exclusive(int dirfd, const char *from, const char *to);

/// Asks the system to start writing the range to the disk, without waiting. No effect where there is no such call.
void thimble_start_writeback(int fd, int64_t offset, int64_t count);

enum thimble_open_problem {
    THIMBLE_OPEN_OK = 0,
    THIMBLE_OPEN_ERRNO,          // errno says why
    THIMBLE_OPEN_SYMLINK,        // the path is or passes a symbolic link
    THIMBLE_OPEN_OUTSIDE,        // the path leaves the directory
    THIMBLE_OPEN_NOT_REGULAR,    // a folder, device, socket or FIFO
    THIMBLE_OPEN_HARD_LINKS,     // the file has several names
};

/// Opens the regular file `path` (NUL-terminated, relative, without "..") below `dirfd` for reading, and never blocks.
/// Without `follow_links`, symbolic links and files with several hard links are refused; with it, regular files that
/// belong to the user (or root) are allowed wherever the links lead. Returns the descriptor, or -1 with `*problem` set.
int thimble_open_beneath(int dirfd, const char *path, bool follow_links, enum thimble_open_problem *problem);

/// New zeroed memory, aligned to a page, in the system's large pages as far as it fills such: those take a tenth of the time to come to be,
/// and of the entries of the address cache. What is not touched takes no memory. NULL if there is none.
void *thimble_map_memory(size_t count);
void thimble_unmap_memory(void *base, size_t count);

/// Bytes of this process that are resident, now and at most so far; 0 where that cannot be known.
void thimble_memory_in_use(int64_t *now, int64_t *peak);

/// Advises that the mapped range will not be used again soon, so that it need not stay resident.
void thimble_release_pages(const void *base, size_t count);
/// Advises that the mapping is read at random places, so that the system does not read ahead.
void thimble_advise_random(const void *base, size_t count);
/// Takes that advice back.
void thimble_advise_normal(const void *base, size_t count);

/// Modification and status-change times of `fd` in nanoseconds, and its size, device and inode.
struct thimble_file_identity { uint64_t device, inode; int64_t size, modified_ns, changed_ns; };
int thimble_identity(int fd, struct thimble_file_identity *out);

// --- mapped files that shrink

/// Installs a SIGBUS handler that maps zero pages over the lost part of a registered range and marks it damaged.
/// For programs, not for libraries: a process has one handler. Async-signal-safe; faults elsewhere go to the handler before.
int thimble_guard_install(void);
/// Registers a mapping; returns its slot, or -1 if all are taken (the mapping is then unguarded).
int thimble_guard_register(const void *base, size_t count);
bool thimble_guard_damaged(int slot);
void thimble_guard_unregister(int slot);

// --- processors

/// Processors this process may run on, at least 1.
int thimble_processor_count(void);

// --- a pool of threads for jobs of a few microseconds

/// Threads that stay between jobs: helpers spin for some 30 us after a job and sleep afterwards.
typedef struct thimble_pool thimble_pool;

/// Does units first..<last of a job. `worker` is below the pool's number of threads and differs between calls that run at the
/// same time for one job; the thread that called `thimble_pool_run` is worker 0.
typedef void (*thimble_pool_body)(void *context, size_t first, size_t last, unsigned worker);

/// A pool of at most `threads` threads, the caller of `thimble_pool_run` among them; fewer if the system gives fewer. NULL only
/// without memory, and every function takes NULL for a pool of the caller alone.
thimble_pool *thimble_pool_new(unsigned threads);
/// Threads that the pool has, the caller's included.
unsigned thimble_pool_threads(const thimble_pool *pool);
/// Hands units 0..<units out in chunks of at most `grain`, in ascending order, and returns when all are done; what they wrote is
/// then visible to the caller. While the pool is busy, whether with this thread's job or another's, the caller does the whole
/// job alone as worker 0, so it never waits for another job.
void thimble_pool_run(thimble_pool *pool, size_t units, size_t grain, thimble_pool_body body, void *context);
/// Ends the helpers. No job may be running.
void thimble_pool_free(thimble_pool *pool);

#endif
