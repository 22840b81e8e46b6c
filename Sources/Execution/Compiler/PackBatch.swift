internal import CSystem
internal import Tensors

/// Packs that a program's steps know already and that are filled before it runs, by all threads of the session.
final class PackBatch: @unchecked Sendable {
    private struct Job {
        let key: PackCache.Key
        let memory: OwnedMemory
        let fill: (PackBuffers) throws -> Void
    }

    private let packs: PackCache
    private var jobs: [Job] = []
    private var promised = PackTable()
    /// For packs of this program only, which are gone with it.
    private var pages = LargePages(pieceSize: OwnedMemory.largePage)
    private let lock = Lock()
    private var problem: (job: Int, error: any Error)?

    init(_ packs: PackCache) {
        self.packs = packs
    }

    /// Memory of `byteCount` bytes that `fill` fills, at any time until `fillAll` returns and on any thread. What has no key is not the model's
    /// own: computed from its constants, perhaps when it is asked for, and so filled at once.
    func memory(_ key: PackCache.Key?, byteCount: Int, fill: @escaping (OwnedMemory, PackBuffers) throws -> Void) throws -> OwnedMemory {
        guard let key else { return try made(nil, byteCount: byteCount) { try fill($0, PackBuffers(packs)) } }
        if let known = packs.find(key) ?? promised.find(key) { return known }
        let memory = try packs.room(byteCount)
        promised.insert(memory, key)
        jobs.append(Job(key: key, memory: memory) { try fill(memory, $0) })
        return memory
    }

    /// The same filled at once.
    func made(_ key: PackCache.Key?, byteCount: Int, make: (OwnedMemory) throws -> Void) throws -> OwnedMemory {
        if let known = packs.find(key) { return known }
        let memory = try key == nil ? pages.memory(byteCount) : packs.room(byteCount)
        try make(memory)
        if let key { packs.keep(memory, key) }
        return memory
    }

    /// Throws the error of the first pack that has one. `memory`: of any content, for weights on their way.
    func fillAll(threads: Int, pool: @autoclosure () -> OpaquePointer?, lending memory: OwnedMemory) throws {
        guard !jobs.isEmpty else { return }
        let buffers = (0..<threads).map { PackBuffers(packs, part: $0, of: threads, in: memory) }
        if threads > 1, jobs.count > 1, let pool = unsafe pool() {
            var work = Work(batch: self, buffers: buffers)
            unsafe withUnsafeMutablePointer(to: &work) { work in
                unsafe thimble_pool_run(pool, jobs.count, 1, { context, first, last, worker in
                    let work = unsafe context!.assumingMemoryBound(to: Work.self)
                    for job in first..<last { unsafe work.pointee.batch.fill(job, work.pointee.buffers[Int(worker)]) }
                }, work)
            }
        } else {
            for job in jobs.indices { fill(job, buffers[0]) }
        }
        if let problem { throw problem.error }
        for job in jobs { packs.keep(job.memory, job.key) }
        jobs = []
        promised.removeAll()
    }

    private struct Work {
        let batch: PackBatch
        let buffers: [PackBuffers]
    }

    private func fill(_ index: Int, _ buffers: PackBuffers) {
        do { try jobs[index].fill(buffers) } catch {
            lock.locked { if index < problem?.job ?? .max { problem = (index, error) } }
        }
    }
}
