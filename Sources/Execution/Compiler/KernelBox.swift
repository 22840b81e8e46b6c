/// A C struct that a kernel is described by: filled once, read by any number of threads.
@safe
final class KernelBox<T>: @unchecked Sendable {
    let pointer: UnsafeMutablePointer<T>

    init(_ value: T) {
        unsafe pointer = .allocate(capacity: 1)
        unsafe pointer.initialize(to: value)
    }

    deinit {
        unsafe pointer.deinitialize(count: 1)
        unsafe pointer.deallocate()
    }
}
