internal import Tensors
internal import Thimble
#if canImport(Darwin)
internal import Darwin
#else
internal import Glibc
#endif

/// Results. A disk that is full is a failure with a sentence; a reader that has gone is none.
enum StandardOutput {
    private static let lock = Lock()
    private nonisolated(unsafe) static var broken = false
    private nonisolated(unsafe) static var isClosed = false

    /// True if a result could not be written.
    static var isBroken: Bool { lock.locked { unsafe broken } }

    static func write(_ text: String) {
        lock.locked {
            guard unsafe !broken, unsafe !isClosed else { return }
            guard let error = writeAll(Array(text.utf8), to: STDOUT_FILENO) else { return }
            if error == EPIPE {
                unsafe isClosed = true
            } else {
                unsafe broken = true
                errno = error
                StandardError.line(ModelError.system("cannot be written", at: "standard output").description)
            }
        }
    }

    static func write(_ document: JSONValue) { write(document.description + "\n") }

    /// What `--json` asks for, or what people read.
    static func write(_ document: @autoclosure () -> JSONValue, or text: @autoclosure () -> String, asJSON: Bool) {
        if asJSON { write(document()) } else { write(text()) }
    }
}

/// Messages, one line each.
enum StandardError {
    private static let lock = Lock()
    /// What a progress line needs gone before anything else is written.
    private nonisolated(unsafe) static var hasProgress = false

    static let isTerminal = isatty(STDERR_FILENO) == 1

    static func line(_ text: String) {
        lock.locked {
            clear()
            _ = writeAll(Array("thimble: \(text)\n".utf8), to: STDERR_FILENO)
        }
    }

    /// Shows `text` in place of the last progress; nil takes it away.
    static func progress(_ text: String?) {
        lock.locked {
            clear()
            guard let text else { return }
            _ = writeAll(Array(text.utf8), to: STDERR_FILENO)
            unsafe hasProgress = true
        }
    }

    private static func clear() {
        guard unsafe hasProgress else { return }
        _ = writeAll(Array("\r\u{1b}[K".utf8), to: STDERR_FILENO)
        unsafe hasProgress = false
    }
}

/// Writes all bytes; returns `errno` where that fails.
private func writeAll(_ bytes: [UInt8], to descriptor: Int32) -> Int32? {
    unsafe bytes.withUnsafeBytes { buffer in
        var done = 0
        while done < buffer.count {
            #if canImport(Darwin)
            let count = unsafe Darwin.write(descriptor, buffer.baseAddress! + done, buffer.count - done)
            #else
            let count = unsafe Glibc.write(descriptor, buffer.baseAddress! + done, buffer.count - done)
            #endif
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return errno }
            done += count
        }
        return nil
    }
}

/// A line on a terminal that says what is going on, from the second second on.
final class ProgressLine: @unchecked Sendable {
    private let lock = Lock()
    private var text: String
    private var isDone = false

    init(_ text: String) {
        self.text = text
        guard StandardError.isTerminal else { return }
        Background.run { [self] in
            Process.sleep(seconds: 1)
            var seconds = 1
            while lock.locked({ !isDone }) {
                StandardError.progress(lock.locked { self.text } + ", \(seconds) s")
                Process.sleep(seconds: 1)
                seconds += 1
            }
        }
    }

    func update(_ text: String) { lock.locked { self.text = text } }

    func end() {
        lock.locked { isDone = true }
        if StandardError.isTerminal { StandardError.progress(nil) }
    }
}
