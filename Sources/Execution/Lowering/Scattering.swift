internal import CKernels
internal import Operators
internal import Tensors

/// ScatterND at places that are known and make a box, as an assignment to a slice does: the data moved, then the updates.
enum ScatterLowering: Lowering {
    static let operators = ["ScatterND"]

    static func lower(_ item: Item, _ compiler: Compiler) throws -> Bool {
        guard item.inputs.count == 3, let x = item.inputs[0], let indices = item.inputs[1], let updates = item.inputs[2], let y = item.outputs.first ?? nil,
            ["", "none"].contains(item.text("reduction") ?? ""), compiler.isMovable(x), compiler.isMovable(updates), compiler.isMovable(y),
            compiler.movesExactly(x) == compiler.movesExactly(updates), compiler.fact(x).elementType == compiler.fact(updates).elementType,
            let dims = compiler.dims(x), let places = compiler.dims(indices), let length = places.last, length <= dims.count, compiler.isConstant(indices),
            compiler.dims(updates) == Array(places.dropLast()) + dims[length...],
            let numbers = try? compiler.unfolding.tensor(indices).integers("a constant")
        else { return false }
        let strides = denseStrides(dims), outer = Array(places.dropLast())
        guard let box = Box(numbers, dims: Array(dims[..<length]), strides: strides, outer: outer) else { return false }
        let from = try compiler.cells(x, .plain), added = try compiler.cells(updates, .plain), to = try compiler.newCells(y, like: x, .plain)
        let place = Cells(
            buffer: to.buffer, cell: to.cell, offset: to.offset + box.start * to.cell, steps: (box.steps + strides[length...]).map { $0 * to.cell })
        guard let whole = compiler.part(dims, from: from, to: to), let part = compiler.part(outer + dims[length...], from: added, to: place) else {
            throw ModelError(.internalFault, "a value has more axes than were inferred")
        }
        compiler.emit([whole, part], to: to.buffer, for: item)
        return true
    }

    /// Places that are `start` plus a multiple of `steps` along each axis of the table of indices.
    private struct Box {
        var start = 0
        var steps: [Int] = []

        /// Nil if a place is outside, twice there or elsewhere.
        init?(_ numbers: [Int], dims: [Int], strides: [Int], outer: [Int]) {
            let length = dims.count
            guard length > 0, !numbers.isEmpty, numbers.count % length == 0 else { return nil }
            var offsets: [Int] = []
            for tuple in stride(from: 0, to: numbers.count, by: length) {
                var offset = 0
                for axis in 0..<length {
                    let index = numbers[tuple + axis]
                    guard index >= -dims[axis], index < dims[axis] else { return nil }
                    offset += (index < 0 ? index + dims[axis] : index) * strides[axis]
                }
                offsets.append(offset)
            }
            start = offsets[0]
            let inner = denseStrides(outer)
            steps = outer.indices.map { outer[$0] > 1 ? offsets[inner[$0]] - start : 0 }
            for (place, offset) in offsets.enumerated() {
                let expected = outer.indices.reduce(start) { $0 + place / inner[$1] % outer[$1] * steps[$1] }
                guard offset == expected else { return nil }
            }
            guard Set(offsets).count == offsets.count else { return nil }
        }
    }
}
