import CSystem
import TestSupport
import Testing

#if canImport(Darwin)
import Darwin
#else
import Glibc
#endif

/// What a job writes: how often each unit was done, and by how many threads at once each worker's number was used.
private final class Tally: @unchecked Sendable {
    let pool: OpaquePointer?
    let hits: UnsafeMutablePointer<UInt8>
    let users: UnsafeMutablePointer<UInt8>
    let units: Int, workers: Int
    var nests = false

    init(_ pool: OpaquePointer?, units: Int) {
        self.pool = pool
        self.units = units
        workers = Int(thimble_pool_threads(pool))
        hits = .allocate(capacity: units + 1)
        hits.initialize(repeating: 0, count: units + 1)
        users = .allocate(capacity: workers)
        users.initialize(repeating: 0, count: workers)
    }

    deinit {
        hits.deallocate()
        users.deallocate()
    }

    func run(grain: Int) {
        thimble_pool_run(pool, units, grain, { context, first, last, worker in
            let tally = Unmanaged<Tally>.fromOpaque(context!).takeUnretainedValue()
            tally.users[Int(worker)] += 1
            for unit in first..<last { tally.hits[unit] += 1 }
            if tally.nests, first % 3 == 0 {
                let inner = Tally(tally.pool, units: 20)
                inner.run(grain: 3)
                if !inner.isComplete { tally.hits[tally.units] = 99 }
            }
            tally.users[Int(worker)] -= 1
        }, Unmanaged.passUnretained(self).toOpaque())
    }

    /// Whether each unit was done once, and no number was left in use by a race of two threads for it.
    var isComplete: Bool {
        (0..<units).allSatisfy { hits[$0] == 1 } && hits[units] == 0 && (0..<workers).allSatisfy { users[$0] == 0 }
    }
}

@Suite struct PoolTests {
    @Test(arguments: [1, 2, 3, 5]) func doesEachUnitOfEachJobOnce(threads: UInt32) {
        let pool = thimble_pool_new(threads)
        defer { thimble_pool_free(pool) }
        #expect(1...threads ~= thimble_pool_threads(pool))
        var random = SeededRandom(seed: 11)
        var complete = 0
        let jobs = 100_000 / 4
        for job in 0..<jobs {
            let tally = Tally(pool, units: .random(in: 0...70, using: &random))
            tally.nests = job % 128 == 0
            tally.run(grain: .random(in: 0...9, using: &random))
            complete += tally.isComplete ? 1 : 0
            // Long enough for the helpers to fall asleep.
            if job % 2_500 == 0 { usleep(300) }
        }
        #expect(complete == jobs)
    }

    @Test func servesSeveralThreadsAtOnce() async {
        nonisolated(unsafe) let pool = thimble_pool_new(3)
        let complete = await withTaskGroup(of: Int.self) { group in
            for seed in 0..<4 {
                group.addTask {
                    var random = SeededRandom(seed: UInt64(seed))
                    return (0..<4_000).reduce(0) { sum, _ in
                        let tally = Tally(pool, units: .random(in: 0...70, using: &random))
                        tally.run(grain: .random(in: 0...9, using: &random))
                        return sum + (tally.isComplete ? 1 : 0)
                    }
                }
            }
            return await group.reduce(0, +)
        }
        #expect(complete == 16_000)
        thimble_pool_free(pool)
    }

    @Test func endsWhetherItsHelpersSleepOrNot() {
        for round in 0..<100 {
            let pool = thimble_pool_new(4)
            if round % 2 == 1 {
                let tally = Tally(pool, units: 9)
                tally.run(grain: 1)
                #expect(tally.isComplete)
            }
            if round % 5 == 0 { usleep(200) }
            thimble_pool_free(pool)
        }
    }

    @Test func aMissingPoolIsTheCallerAlone() {
        let tally = Tally(nil, units: 100)
        tally.run(grain: 7)
        #expect(tally.workers == 1 && tally.isComplete)
        thimble_pool_free(nil)
    }
}
