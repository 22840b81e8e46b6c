import ModelGraph
import Tensors
import TestSupport
import Testing

@testable import Operators

@Suite struct ReductionTests {
    /// The elements that go into each result, in order of the results, by the definition.
    private func groups(_ dims: [Int], _ axes: Set<Int>) -> [[Int]] {
        let left = dims.indices.filter { !axes.contains($0) }
        var result = [[Int]](repeating: [], count: left.map { dims[$0] }.reduce(1, *))
        for flat in 0..<dims.reduce(1, *) {
            var rest = flat, index = [Int](repeating: 0, count: dims.count)
            for axis in dims.indices.reversed() { (index[axis], rest) = (rest % dims[axis], rest / dims[axis]) }
            result[left.reduce(0) { $0 * dims[$1] + index[$1] }].append(flat)
        }
        return result
    }

    @Test func reducesAnyAxesAsDefined() throws {
        var random = SeededRandom()
        for _ in 0..<300 {
            let rank = Int(random.next() % 5), dims = (0..<rank).map { _ in Int(random.next() % 4) }
            let values = (0..<dims.reduce(1, *)).map { _ in Int64(random.next() % 19) - 9 }
            let axes = Set((0..<rank).filter { _ in random.next() & 1 == 0 }), keepDims = random.next() & 1
            let input = try Tensor.of(values, dims), listed = try Tensor.of(axes.sorted().map { Int64($0) - (random.next() & 1 == 0 ? Int64(rank) : 0) })
            let attributes: [Name: AttributeValue] = ["keepdims": .int(Int64(keepDims)), "noop_with_empty_axes": .int(1)]
            let groups = groups(dims, axes), left = dims.indices.compactMap { axes.contains($0) ? (keepDims == 1 ? 1 : nil) : dims[$0] }
            let wanted: [(any Runnable.Type, ([Int64]) -> Int64)] = [
                (ReduceSum.self, { $0.reduce(0, &+) }), (ReduceProd.self, { $0.reduce(1, &*) }), (ReduceL1.self, { $0.reduce(0) { $0 + abs($1) } }),
                (ReduceSumSquare.self, { $0.reduce(0) { $0 + $1 * $1 } }), (ReduceMax.self, { $0.max() ?? .min }), (ReduceMin.self, { $0.min() ?? .max }),
            ]
            for (op, rule) in wanted {
                let result = try output(op, [input, listed], attributes)
                #expect(result.dims == left)
                #expect(try result.values(Int64.self) == groups.map { rule($0.map { values[$0] }) }, "\(op) of \(dims) along \(axes), seed \(random.seed)")
            }
        }
    }

    @Test func nothingReducedIsTheRuleOfOneElement() throws {
        let x = try Tensor.of([-3, 4] as [Float]), noop: [Name: AttributeValue] = ["noop_with_empty_axes": .int(1)]
        #expect(try output(ReduceSumSquare.self, [x], noop).values(Float.self) == [9, 16])
        #expect(try output(ReduceSumSquare.self, [x]).values(Float.self) == [25])
        #expect(try output(ReduceSum.self, [x], ["axes": .ints([0]), "keepdims": .int(0)], opset: 11).dims == [])
    }

    @Test func emptySetsGiveWhatTheSpecificationSays() throws {
        let empty = try Tensor.of([Float](), [0])
        let wanted: [(any Runnable.Type, Float)] = [
            (ReduceSum.self, 0), (ReduceProd.self, 1), (ReduceMax.self, -.infinity), (ReduceMin.self, .infinity), (ReduceLogSum.self, -.infinity),
            (ReduceLogSumExp.self, -.infinity),
        ]
        for (op, value) in wanted { #expect(try output(op, [empty]).values(Float.self) == [value], "\(op)") }
        #expect(try output(ReduceMin.self, [.of([UInt8](), [0], .bool)]).values(UInt8.self) == [1])
        #expect(try refusal(ArgMax.self, [empty])?.contains("at least one element") == true)
    }

    @Test func logSumExpDoesNotOverflow() throws {
        #expect(try output(ReduceLogSumExp.self, [.of([1000, 1000] as [Float])]).values(Float.self) == [1000.6931472])
        #expect(try output(LogSoftmax.self, [.of([1000, 1000] as [Float])]).values(Float.self) == [-0.6931472, -0.6931472])
    }

    @Test func resultsWithoutInputsAreLimited() throws {
        let input = Tensor(.float, dims: [1 << 40, 0], bytes: .empty)
        #expect(try refusal(ReduceSum.self, [input, .of([1] as [Int64])])?.hasSuffix("64 MB are the limit") == true)
        #expect(try output(CumSum.self, [input, .of([1] as [Int64], [])]).dims == [1 << 40, 0])
        #expect(try output(Softmax.self, [input], ["axis": .int(1)]).dims == [1 << 40, 0])
    }

    @Test func findsTheFirstOrTheLastOfEquals() throws {
        let x = try Tensor.of([1, 7, 7, 2, 2, 5] as [Int32], [2, 3])
        #expect(try output(ArgMax.self, [x], ["axis": .int(1)]).values(Int64.self) == [1, 2])
        #expect(try output(ArgMax.self, [x], ["axis": .int(-1), "select_last_index": .int(1), "keepdims": .int(0)]).values(Int64.self) == [2, 2])
        #expect(try output(ArgMin.self, [x], ["axis": .int(1), "select_last_index": .int(1)]).values(Int64.self) == [0, 1])
        #expect(try refusal(ArgMax.self, [x], ["axis": .int(2)]) == "axis 2 of 2 dimensions; -2 to 1 exist")
    }

    @Test func cumulatesForwardsAndBackwards() throws {
        let x = try Tensor.of([1, 2, 3] as [Int64]), axis = try Tensor.of([0] as [Int64], [])
        let wanted: [(Int64, Int64, [Int64], [Int64])] = [(0, 0, [1, 3, 6], [1, 2, 6]), (1, 0, [0, 1, 3], [1, 1, 2]), (0, 1, [6, 5, 3], [6, 6, 3]), (1, 1, [5, 3, 0], [6, 3, 1])]
        for (exclusive, reverse, sum, product) in wanted {
            let attributes: [Name: AttributeValue] = ["exclusive": .int(exclusive), "reverse": .int(reverse)]
            #expect(try output(CumSum.self, [x, axis], attributes).values(Int64.self) == sum)
            #expect(try output(CumProd.self, [x, axis], attributes).values(Int64.self) == product)
        }
    }
}
