internal import CSystem
internal import Tensors

/// What all runs of a session share: its threads and the weights that were made ready for kernels.
@safe
final class SessionResources: @unchecked Sendable {
    let packs: PackCache
    private let threads: Int
    private let lock = Lock()
    private var made: OpaquePointer?

    /// `weights`: their bytes, about.
    init(threads: Int, weights: Int) {
        packs = PackCache(expected: weights)
        self.threads = max(1, min(threads, 1024))
    }

    deinit {
        if let made = unsafe made { unsafe thimble_pool_free(made) }
    }

    /// Nil where one thread is all there is. Threads are started by the first run that can use them.
    var pool: OpaquePointer? {
        guard threads > 1 else { return nil }
        return unsafe lock.locked {
            if unsafe made == nil { unsafe made = thimble_pool_new(UInt32(threads)) }
            return unsafe made
        }
    }
}
