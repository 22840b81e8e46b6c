package import Tensors

package enum Unique: Inferring, Runnable {
    package static let name: Name = "Unique"

    static func infer(_ call: InferenceCall) throws -> [Fact] {
        let data = try call.tensor(0), count = Dim.fresh()
        let axis = try call.int("axis"), vector = Fact(.int64, [count])
        guard let axis else { return [Fact(data.elementType, [count]), vector, Fact(.int64, [data.elementCount]), vector] }
        guard var dims = data.dims else { return [Fact(data.elementType), vector, Fact(.int64, [.unknown]), vector] }
        let place = try call.axis(axis, rank: dims.count), size = dims[place]
        dims[place] = count
        return [Fact(data.elementType, dims), vector, Fact(.int64, [size]), vector]
    }

    package static func run(_ call: Call) throws -> [Value?] {
        var data = try call.tensor(0)
        let given = try call.int("axis")
        if given == nil { data = try data.reshaped(checking: [checkedCount(data.dims)]) }
        let axis = try call.axis(given ?? 0, rank: data.dims.count), split = AxisSplit(data.dims, at: axis)
        try call.environment.checkAllocation(64 * split.dim)
        let rows = Rows(keys: try data.orderKeys(), split: split)
        var groups = rows.groups()
        if try !call.bool("sorted", true) { groups.sort { $0[0] < $1[0] } }
        var inverse = [Int](repeating: 0, count: split.dim)
        for (number, group) in groups.enumerated() {
            for index in group { inverse[index] = number }
        }
        let firsts = groups.map { $0[0] }
        let values = try data.taking(firsts, axis: axis, dims: [firsts.count], call)
        return try [.tensor(values), .tensor(.int64(firsts)), .tensor(.int64(inverse)), .tensor(.int64(groups.map(\.count)))]
    }

    /// What lies at each index of an axis, as keys that order as the elements do.
    private struct Rows {
        let keys: [UInt64]
        let split: AxisSplit

        /// Indices of equal rows, ascending; the groups in the order of the rows.
        func groups() -> [[Int]] {
            var groups: [[Int]] = []
            for index in (0..<split.dim).sorted(by: { (a, b) in
                let order = compare(a, b)
                return order == 0 ? a < b : order < 0
            }) {
                if let last = groups.last, compare(last[0], index) == 0 { groups[groups.count - 1].append(index) } else { groups.append([index]) }
            }
            return groups
        }

        private func compare(_ a: Int, _ b: Int) -> Int {
            for outer in 0..<split.outer {
                let base = outer * split.dim
                for inner in 0..<split.inner {
                    let x = keys[(base + a) * split.inner + inner], y = keys[(base + b) * split.inner + inner]
                    if x != y { return x < y ? -1 : 1 }
                }
            }
            return 0
        }
    }
}
