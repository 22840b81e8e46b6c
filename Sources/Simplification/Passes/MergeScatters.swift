internal import ModelGraph
internal import Operators
internal import Tensors

/// Merges assignments of slices, which exporters write as ScatterND with a table of all places.
///
///     x[0:2] = a; x[2:6] = b; x[6:16] = c      becomes      Concat(a, b, c)
///     y = x; y[0:2] = a; y[2:6]                becomes      x[2:6]
///
/// Applies to ScatterND whose indices inference or `FoldConstants` knows, and which name, in order, all places of one range of an axis. Where ranges in a row
/// cover the axis, the last ScatterND becomes the Concat of what was assigned, and one that covers all at once what it assigns. A Slice or Gather that reads
/// none of a range reads the value from before. Leaves alone scatters that add or multiply, and ranges that overlap.
enum MergeScatters: GraphPass {
    static let name = "merge-scatters"
    static let summary = "assignments of slices that together cover a value become a Concat, and what reads other slices reads past them"

    static func run(_ graph: GraphEditor, _ log: inout PassLog) throws {
        var blocks: [NodeID: Block] = [:]
        for node in graph.nodes(of: .scatterND) { blocks[node] = Block(node, graph) }
        guard !blocks.isEmpty else { return }
        for node in blocks.keys.sorted() {
            guard let block = blocks[node] else { continue }
            for use in Array(graph.values[graph.nodes[node].outputs[0]].users) where use.node >= 0 && use.index == 0 && readsOutside(use.node, of: block, graph) {
                log.did("\(graph.label(use.node)) reads past \(graph.label(node))")
                graph.setInput(use.node, 0, block.data)
            }
        }
        for node in blocks.keys.sorted().reversed() where graph.nodes[node].isAlive {
            guard let pieces = covering(node, blocks, graph) else { continue }
            log.did("\(graph.label(node)) and \(counted(pieces.count - 1, "node")) before it")
            if pieces.count == 1, graph.canReplace(graph.nodes[node].outputs[0], with: pieces[0].updates) {
                graph.replace(graph.nodes[node].outputs[0], with: pieces[0].updates)
                graph.remove(node)
            } else {
                graph.rewrite(node, as: .concat, pieces.map(\.updates), [Attribute("axis", .int(Int64(pieces[0].axis)))])
            }
        }
    }

    /// The assignments up to `node` that make up all of its axis, in order; nil if they do not.
    private static func covering(_ node: NodeID, _ blocks: [NodeID: Block], _ graph: GraphEditor) -> [Block]? {
        guard let last = blocks[node] else { return nil }
        var pieces = [last], missing = last.size - last.range.count
        while missing > 0, pieces.count < 256 {
            guard let before = graph.maker(pieces[pieces.count - 1].data), let next = blocks[before], graph.nodes[before].isAlive, next.axis == last.axis,
                pieces.allSatisfy({ !$0.range.overlaps(next.range) })
            else { return nil }
            pieces.append(next)
            missing -= next.range.count
        }
        return missing == 0 ? pieces.sorted { $0.range.lowerBound < $1.range.lowerBound } : nil
    }

    /// True for a Slice or Gather with constant places on the block's axis, none of which is in the block.
    private static func readsOutside(_ reader: NodeID, of block: Block, _ graph: GraphEditor) -> Bool {
        let rank = block.rank
        func normal(_ axis: Int) -> Int { axis < 0 ? axis + rank : axis }
        switch graph.nodes[reader].kind {
        case .gather:
            guard normal(graph.int(reader, "axis") ?? 0) == block.axis, let places = graph.constant(graph.input(reader, 1))?.smallIntegers() else { return false }
            return places.allSatisfy { place in
                let at = place < 0 ? place + block.size : place
                return at >= 0 && at < block.size && !block.range.contains(at)
            }
        case .slice:
            guard let slice = graph.slice(reader), let index = slice.axes.firstIndex(where: { normal($0) == block.axis }), slice.steps[index] == 1 else { return false }
            func place(_ value: Int) -> Int { min(max(value < 0 ? value + block.size : value, 0), block.size) }
            let start = place(slice.starts[index]), end = place(slice.ends[index])
            return end <= block.range.lowerBound || start >= block.range.upperBound
        default: return false
        }
    }

    /// What a ScatterND assigns: a range of one axis, whole on all others.
    private struct Block {
        let data: ValueID
        let updates: ValueID
        let axis: Int
        let rank: Int
        /// Of the axis.
        let size: Int
        let range: Range<Int>

        init?(_ node: NodeID, _ graph: GraphEditor) {
            let record = graph.nodes[node]
            guard record.inputs.count == 3, graph.string(node, "reduction") ?? "none" == "none", let data = graph.fixedDims(record.inputs[0]), !data.contains(0),
                let indices = graph.constant(record.inputs[1]) ?? graph.fact(record.inputs[1]).constant, indices.elementType == .int64, let count = indices.dims.last,
                count >= 1, count <= data.count, let places = try? Array(indices.elements(as: Int64.self)), places.count >= count
            else { return nil }
            var low = [Int](repeating: .max, count: count), high = [Int](repeating: .min, count: count)
            var rows = places.map { Int($0) }
            for index in rows.indices {
                let axis = index % count
                if rows[index] < 0 { rows[index] += data[axis] }
                (low[axis], high[axis]) = (min(low[axis], rows[index]), max(high[axis], rows[index]))
            }
            guard (0..<count).allSatisfy({ low[$0] >= 0 && high[$0] < data[$0] }) else { return nil }
            let extents = (0..<count).map { high[$0] - low[$0] + 1 }
            // The updates have the dims of the block.
            guard Array(indices.dims.dropLast()) == extents, graph.fixedDims(record.inputs[2]) == extents + data[count...] else { return nil }
            var expected = low
            for row in 0..<rows.count / count {
                guard rows[row * count..<(row + 1) * count].elementsEqual(expected) else { return nil }
                var axis = count - 1
                while axis >= 0 {
                    expected[axis] += 1
                    if expected[axis] <= high[axis] { break }
                    expected[axis] = low[axis]
                    axis -= 1
                }
            }
            let partial = (0..<count).filter { extents[$0] < data[$0] }
            guard partial.count <= 1 else { return nil }
            axis = partial.first ?? 0
            (self.data, updates, rank, size) = (record.inputs[0], record.inputs[2], data.count, data[axis])
            range = low[axis]..<high[axis] + 1
        }
    }
}

extension Tensor {
    /// The elements of a small tensor of INT64 or INT32 of any shape.
    fileprivate func smallIntegers() -> [Int]? {
        guard elementType == .int64 || elementType == .int32 else { return nil }
        return smallNumbers()?.map { Int($0) }
    }
}
