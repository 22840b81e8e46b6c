import TestSupport
import Testing

@testable import Tensors

struct CellsTests {
    /// Cells 0, 1, 2, … of `width` bytes, each of a pattern of its own.
    private func cells(_ count: Int, width: Int) throws -> Cells {
        let bytes = (0..<count).flatMap { cell in (0..<width).map { UInt8(truncatingIfNeeded: cell &* 31 &+ $0 &* 101 &+ cell >> 3) } }
        return try Cells(TensorBytes(bytes), width: width, dims: [count])
    }

    private func bytes(_ cells: Cells, _ index: Int) -> [UInt8] { (0..<cells.width).map { cells.bytes[index * cells.width + $0] } }

    @Test(arguments: [1, 2, 4, 8, 16]) func copiesAnyBox(width: Int) throws {
        let seed: UInt64 = 11
        var random = SeededRandom(seed: seed)
        for round in 0..<200 {
            let rank = Int(random.next() % 5)
            let dims = (0..<rank).map { _ in Int(random.next() % 4) }
            let order = (0..<rank).shuffled(using: &random)
            // A dense source, walked along its axes in another order, some of them backwards, some standing still.
            let sourceDims = order.map { dims[$0] }, dense = denseStrides(sourceDims)
            var from = Stepping(steps: [Int](repeating: 0, count: rank))
            for (place, axis) in order.enumerated() where dims[axis] > 0 {
                switch random.next() % 3 {
                case 0: from.steps[axis] = dense[place]
                case 1:
                    from.steps[axis] = -dense[place]
                    from.offset += dense[place] * (dims[axis] - 1)
                default: break
                }
            }
            let count = dims.reduce(1, *)
            let source = try cells(max(sourceDims.reduce(1, *), 1), width: width), target = try newCells(dims: dims, width: width)
            target.copy(dims, from: source, from, to: Stepping(steps: denseStrides(dims)))
            let result = try target.finished
            for place in 0..<count {
                var rest = place, cell = from.offset
                for axis in (0..<rank).reversed() {
                    cell += rest % dims[axis] * from.steps[axis]
                    rest /= dims[axis]
                }
                #expect(bytes(result, place) == bytes(source, cell), "seed \(seed), round \(round), dims \(dims), \(from)")
            }
        }
    }

    @Test(arguments: [1, 2, 4, 8, 16], [1, 3]) func gathersAndScattersBlocks(width: Int, block: Int) throws {
        let source = try cells(30, width: width), offsets = [27, 0, 5, 5]
        let gathered = try newCells(dims: [4, block], width: width)
        gathered.gather(from: source, at: offsets, block: block)
        let taken = try gathered.finished
        for (index, offset) in offsets.enumerated() {
            for part in 0..<block { #expect(bytes(taken, index * block + part) == bytes(source, offset + part)) }
        }
        let scattered = try newCells(dims: [30], width: width)
        scattered.clear()
        scattered.scatter(from: taken, to: [9, 0, 20, 9], block: block)
        let result = try scattered.finished
        for part in 0..<block {
            #expect(bytes(result, part) == bytes(source, part))
            // The last of two stays.
            #expect(bytes(result, 9 + part) == bytes(source, 5 + part))
            #expect(bytes(result, 15 + part) == [UInt8](repeating: 0, count: width))
        }
    }
}

private func newCells(dims: [Int], width: Int) throws -> NewCells {
    let count = dims.reduce(1, *)
    return NewCells(dims: dims, width: width, count: count, try OwnedMemory(byteCount: count * width))
}
