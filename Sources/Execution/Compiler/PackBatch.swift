internal import CSystem
internal import Tensors

/// The packs that a program's steps use.
final class PackBatch: @unchecked Sendable {
    private let packs: PackCache
    /// That this program is the first to ask for.
    private var own: [PackedWeights] = []
    /// Of programs before, which may not have made all of theirs.
    private var shared: [PackedWeights] = []
    /// Of those that are packed as floats.
    private var floatBytes = 0
    /// For packs of this program only, which are gone with it.
    private var pages = LargePages(pieceSize: OwnedMemory.largePage)
    private let lock = Lock()
    private var problem: (index: Int, error: any Error)?

    init(_ packs: PackCache) {
        self.packs = packs
    }

    /// All that were asked for and may not be made.
    var weights: [PackedWeights] { own + shared }

    /// Weights of `byteCount` bytes that `fill` makes, at any time before they are read and on any thread. What has no key is not the model's own: computed
    /// from its constants, perhaps when it is asked for, and so made at once.
    func weights(_ key: PackCache.Key?, byteCount: Int, areFloats: Bool, fill: @escaping PackedWeights.Fill) throws -> PackedWeights {
        guard let key else { return try made(nil, byteCount: byteCount) { try fill($0, PackBuffers(packs)) } }
        if areFloats { floatBytes += byteCount }
        if let known = packs.find(key) {
            packs.making.locked { known.isReused = true }
            shared.append(known)
            return known
        }
        let weights = PackedWeights(try packs.room(byteCount), fill: fill)
        own.append(weights)
        packs.keep(weights, key)
        return weights
    }

    /// The same made at once.
    func made(_ key: PackCache.Key?, byteCount: Int, make: (OwnedMemory) throws -> Void) throws -> PackedWeights {
        if let known = packs.find(key) { return known }
        let memory = try key == nil ? pages.memory(byteCount) : packs.room(byteCount)
        try make(memory)
        let weights = PackedWeights(memory)
        if let key { packs.keep(weights, key) }
        return weights
    }

    /// When the weights are made.
    enum Moment {
        /// All before the first run, by all threads.
        case before
        /// Each when a step needs it, for good.
        case needed
        /// Each when its step needs it and for that step only, in memory that steps share.
        case passing
    }

    /// Many are better made one after the other: a near cache holds no more of them till their steps come. Several threads are quicker together, unless
    /// the weights are bytes that need no memory of their own: those are packed in less time than memory comes.
    func moment(threads: Int, mayPass: Bool) -> Moment {
        let byteCount = weights.reduce(0) { unsafe $0 + $1.memory.bytes.count }
        if mayPass, threads == 1 ? max(floatBytes, byteCount) >= 1 << 20 : floatBytes == 0 && byteCount >= 1 << 20 { return .passing }
        return threads == 1 && (floatBytes >= 1 << 20 || byteCount >= 5 << 20) ? .needed : .before
    }

    /// Makes all. Throws the error of the first that has one. `memory`: of any content, for weights on their way.
    func make(threads: Int, pool: @autoclosure () -> OpaquePointer?, lending memory: OwnedMemory) throws {
        try packs.making.locked {
            let size = unsafe memory.bytes.count / threads / 64 * 64
            let buffers = (0..<threads).map {
                size < PackBuffers.byteCount ? PackBuffers(packs) : PackBuffers(packs, lent: OwnedMemory($0 * size..<($0 + 1) * size, of: memory))
            }
            for weights in shared { try weights.make(buffers[0]) }
            guard threads > 1, own.count > 1, let pool = unsafe pool() else {
                for weights in own { try weights.make(buffers[0]) }
                return
            }
            var work = Work(batch: self, buffers: buffers)
            unsafe withUnsafeMutablePointer(to: &work) { work in
                unsafe thimble_pool_run(pool, own.count, 1, { context, first, last, worker in
                    let work = unsafe context!.assumingMemoryBound(to: Work.self)
                    for index in first..<last { unsafe work.pointee.batch.make(index, work.pointee.buffers[Int(worker)]) }
                }, work)
            }
            if let problem { throw problem.error }
        }
    }

    private struct Work {
        let batch: PackBatch
        let buffers: [PackBuffers]
    }

    private func make(_ index: Int, _ buffers: PackBuffers) {
        do { try own[index].make(buffers) } catch {
            lock.locked { if index < problem?.index ?? .max { problem = (index, error) } }
        }
    }
}
