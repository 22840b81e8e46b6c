internal import CSystem
internal import Tensors

/// Packs that a program's steps know already and that are filled before it runs, by all threads of the session.
final class PackBatch: @unchecked Sendable {
    private struct Job {
        let key: PackCache.Key
        let memory: OwnedMemory
        let fill: (ConvertedFloats) throws -> Void
    }

    private let packs: PackCache
    private var jobs: [Job] = []
    private var promised = PackTable()
    private let lock = Lock()
    private var problem: (job: Int, error: any Error)?

    init(_ packs: PackCache) {
        self.packs = packs
    }

    /// Memory of `byteCount` bytes that `fill` fills, at any time until `fillAll` returns and on any thread. What has no key is not the model's
    /// own: computed from its constants, perhaps when it is asked for, and so filled at once.
    func memory(_ key: PackCache.Key?, byteCount: Int, fill: @escaping (OwnedMemory, ConvertedFloats) throws -> Void) throws -> OwnedMemory {
        guard let key else { return try packs.memory(nil, byteCount: byteCount) { try fill($0, ConvertedFloats()) } }
        if let known = packs.find(key) ?? promised.find(key) { return known }
        let memory = try packs.room(byteCount)
        promised.insert(memory, key)
        jobs.append(Job(key: key, memory: memory) { try fill(memory, $0) })
        return memory
    }

    /// Throws the error of the first pack that has one.
    func fillAll(threads: Int, pool: @autoclosure () -> OpaquePointer?) throws {
        guard !jobs.isEmpty else { return }
        let converted = (0..<threads).map { _ in ConvertedFloats() }
        if threads > 1, jobs.count > 1, let pool = unsafe pool() {
            var work = Work(batch: self, converted: converted)
            unsafe withUnsafeMutablePointer(to: &work) { work in
                unsafe thimble_pool_run(pool, jobs.count, 1, { context, first, last, worker in
                    let work = unsafe context!.assumingMemoryBound(to: Work.self)
                    for job in first..<last { unsafe work.pointee.batch.fill(job, work.pointee.converted[Int(worker)]) }
                }, work)
            }
        } else {
            for job in jobs.indices { fill(job, converted[0]) }
        }
        if let problem { throw problem.error }
        for job in jobs { packs.keep(job.memory, job.key) }
        jobs = []
        promised.removeAll()
    }

    private struct Work {
        let batch: PackBatch
        let converted: [ConvertedFloats]
    }

    private func fill(_ index: Int, _ converted: ConvertedFloats) {
        do { try jobs[index].fill(converted) } catch {
            lock.locked { if index < problem?.job ?? .max { problem = (index, error) } }
        }
    }
}

/// Memory for one weight at a time that has to be converted before it is packed.
final class ConvertedFloats {
    private var memory: OwnedMemory?

    func withMemory<R>(of count: Int, _ body: (UnsafeMutableBufferPointer<Float>) throws -> R) throws -> R {
        guard let size = checkedMultiply(count, 4) else { throw ModelError(.limit, "there is no memory for \(count) elements") }
        if memory.map({ unsafe $0.bytes.count < size }) ?? true {
            memory = nil
            memory = try OwnedMemory(lasting: size)
        }
        guard let memory else { throw ModelError(.internalFault, "memory that is not there") }
        return try unsafe memory.bytes.withMemoryRebound(to: Float.self) { try unsafe body(UnsafeMutableBufferPointer(rebasing: $0[..<count])) }
    }
}
