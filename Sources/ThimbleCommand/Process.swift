internal import Tensors
#if canImport(Darwin)
internal import Darwin
#else
internal import Glibc
#endif

/// What the program asks of the system for itself: signals, time, its end.
enum Process {
    /// A write to a closed pipe or beyond a file size limit is an error like any other; a mapped file that shrinks is no end;
    /// Ctrl-C and `kill` are an orderly one.
    static func prepare() {
        signal(SIGPIPE, SIG_IGN)
        #if !canImport(Darwin)
        signal(SIGXFSZ, SIG_IGN)
        #endif
        MappedFile.guardAgainstShortening()
        var interruptions = interruptionSignals
        // Blocked in every thread: the one that waits for them takes them.
        unsafe pthread_sigmask(SIG_BLOCK, &interruptions, nil)
        Background.run {
            var signals = interruptionSignals
            var number: Int32 = 0
            guard unsafe sigwait(&signals, &number) == 0 else { return }
            StandardError.line("interrupted; only whole files are left")
            _exit(1)
        }
    }

    private static var interruptionSignals: sigset_t {
        var signals = sigset_t()
        unsafe sigemptyset(&signals)
        unsafe sigaddset(&signals, SIGINT)
        unsafe sigaddset(&signals, SIGTERM)
        unsafe sigaddset(&signals, SIGHUP)
        return signals
    }

    /// Ends the process with a sentence and code 1 when `seconds` have passed. Files being written have no name yet and vanish.
    static func limitTime(to seconds: Double?) {
        guard let seconds else { return }
        Background.run {
            sleep(seconds: seconds)
            StandardError.line("the time limit of \(seconds) s is over (--timeout)")
            _exit(1)
        }
    }

    static func sleep(seconds: Double) {
        var left = timespec(tv_sec: Int(seconds), tv_nsec: Int((seconds - seconds.rounded(.down)) * 1e9))
        var rest = timespec()
        while unsafe nanosleep(&left, &rest) != 0, errno == EINTR { left = rest }
    }

    /// `exit`, or code 1 if something of the output was lost.
    static func exit(_ code: Int32) -> Never {
        _exit(code == 0 && StandardOutput.isBroken ? 1 : code)
    }
}

/// A thread that nobody waits for.
enum Background {
    private final class Work: Sendable {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }

    static func run(_ body: @escaping @Sendable () -> Void) {
        let argument = unsafe Unmanaged.passRetained(Work(body))
        #if canImport(Darwin)
        var thread: pthread_t?
        let status = unsafe pthread_create(&thread, nil, { unsafe Unmanaged<Work>.fromOpaque($0).takeRetainedValue().body(); return nil }, argument.toOpaque())
        if status == 0, let thread = unsafe thread { unsafe pthread_detach(thread) }
        #else
        var thread = pthread_t()
        let status = unsafe pthread_create(&thread, nil, { unsafe Unmanaged<Work>.fromOpaque($0!).takeRetainedValue().body(); return nil }, argument.toOpaque())
        if status == 0 { pthread_detach(thread) }
        #endif
        if status != 0 { unsafe argument.release() }
    }
}
