internal import CSystem
#if canImport(Darwin)
internal import Darwin
#else
internal import Glibc
#endif

/// Processors that this process may use, at least 1.
public var processorCount: Int { Int(thimble_processor_count()) }

/// Calls `body` once for each index of `0..<iterations` on up to `threads` threads, this one included, and returns when all
/// are done. An index is handed out when a thread is free, in ascending order; after an error no further one is, and the
/// error of the lowest failed index is thrown.
///
/// Threads of the system rather than a task group: the run side uses neither Dispatch nor Foundation, and the work never waits.
package func concurrently(_ iterations: Int, threads: Int = processorCount, _ body: @escaping @Sendable (Int) throws -> Void) throws {
    let work = SharedWork(iterations: iterations, body)
    let helpers = (1..<max(1, min(threads, iterations))).compactMap { _ in startThread(work) }
    work.run()
    for helper in helpers { pthread_join(helper, nil) }
    if let failure = work.failure { throw failure.error }
}

@safe
private final class SharedWork: @unchecked Sendable {
    private let body: @Sendable (Int) throws -> Void
    private let iterations: Int
    private let lock = Lock()
    private var next = 0
    private(set) var failure: (index: Int, error: any Error)?

    init(iterations: Int, _ body: @escaping @Sendable (Int) throws -> Void) {
        self.iterations = iterations
        self.body = body
    }

    func run() {
        while let index = take() {
            do {
                try body(index)
            } catch {
                lock.locked { if index < failure?.index ?? .max { failure = (index, error) } }
            }
        }
    }

    private func take() -> Int? {
        lock.locked {
            guard next < iterations, failure == nil else { return nil }
            defer { next += 1 }
            return next
        }
    }
}

private func startThread(_ work: SharedWork) -> pthread_t? {
    let argument = unsafe Unmanaged.passRetained(work)
    #if canImport(Darwin)
    var thread: pthread_t?
    let status = unsafe pthread_create(&thread, nil, { unsafe Unmanaged<SharedWork>.fromOpaque($0).takeRetainedValue().run(); return nil }, argument.toOpaque())
    let started = unsafe thread
    #else
    var thread = pthread_t()
    let status = unsafe pthread_create(&thread, nil, { unsafe Unmanaged<SharedWork>.fromOpaque($0!).takeRetainedValue().run(); return nil }, argument.toOpaque())
    let started: pthread_t? = thread
    #endif
    if status != 0 {
        // No thread to be had: the work is done by those that there are.
        unsafe argument.release()
        return nil
    }
    return started
}

/// A mutex. The standard library's needs a newer system on Apple's platforms than we ask for.
@safe
package final class Lock: @unchecked Sendable {
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>

    package init() {
        unsafe mutex = .allocate(capacity: 1)
        unsafe mutex.initialize(to: pthread_mutex_t())
        unsafe pthread_mutex_init(mutex, nil)
    }

    deinit {
        unsafe pthread_mutex_destroy(mutex)
        unsafe mutex.deallocate()
    }

    /// For what is so short that a call with a closure would take longest.
    package func lock() { unsafe pthread_mutex_lock(mutex) }
    package func unlock() { unsafe pthread_mutex_unlock(mutex) }

    package func locked<R>(_ body: () throws -> R) rethrows -> R {
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        return try body()
    }
}
