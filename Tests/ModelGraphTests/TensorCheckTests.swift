import ModelGraph
import Tensors
import TestSupport
import Testing

@Suite struct TensorCheckTests {
    private func errors(sparse: SparseTensor) -> [String] {
        Model.small { $0.graph.sparseInitializers = [sparse] }.check().errors
    }

    private func sparse(_ indices: Tensor?, dims: [Int] = [4, 4], stored: Int = 2) -> SparseTensor {
        SparseTensor(values: .floats("s", [stored], Array(repeating: 1, count: stored)), indices: indices, dims: dims)
    }

    @Test func refusesUnknownDataTypes() {
        for number: Int32 in [0, -1, Int32(ElementType.allKnown.count + 1), 999] {
            let found = Model.small { $0.graph.initializers[0].elementType = ElementType(rawValue: number) }.check().errors
            #expect(found.count == 1)
            #expect(found[0].contains("data type \(number)"))
        }
    }

    @Test(arguments: [nil, ""] as [Name?])
    func refusesInitializersWithoutName(name: Name?) {
        let found = Model.small { $0.graph.initializers.append(.floats(name, [1], [1])) }.check().errors
        #expect(found.count == 1)
        #expect(found[0].contains("an initializer needs a name"))
    }

    @Test func acceptsSparseTensorsOfBothKinds() {
        #expect(errors(sparse: sparse(.ints(nil, [2], [0, 15]))) == [])
        #expect(errors(sparse: sparse(.ints(nil, [2, 2], [0, 3, 1, 0]))) == [])
        #expect(errors(sparse: sparse(nil, stored: 0)) == [])
    }

    @Test(arguments: [
        ([2], [0, 16], "sparse index 1 is 16, it must lie in 0 to 15"), ([2], [-1, 3], "sparse index 0 is -1"), ([2], [3, 3], "must ascend"),
        ([2], [3, 1], "must ascend"), ([2, 2], [0, 4, 1, 0], "is 4, it must lie in 0 to 3"), ([2, 2], [1, 0, 0, 3], "must ascend"),
        ([2, 3], [0, 0, 0, 1, 1, 1], "these have [2, 3]"), ([1], [0], "these have [1]"),
    ] as [([Int], [Int64], String)])
    func refusesBadSparseIndices(dims: [Int], values: [Int64], message: String) {
        let found = errors(sparse: sparse(.ints(nil, dims, values)))
        #expect(found.count == 1)
        #expect(found.first?.contains(message) == true, "\(found)")
    }

    @Test func refusesIncompleteSparseTensors() {
        #expect(errors(sparse: sparse(nil)).first?.contains("needs indices") == true)
        #expect(errors(sparse: SparseTensor(values: nil, indices: nil, dims: [4])).count == 2)
        #expect(errors(sparse: sparse(.floats(nil, [2], [0, 1]))).first?.contains("are INT64, these are FLOAT") == true)
    }

    @Test func refusesSparseTensorsThatNoMemoryHolds() {
        let found = errors(sparse: sparse(.ints(nil, [2], [0, 1]), dims: [1 << 40]))
        #expect(found.first?.contains("takes 4.40 TB when written out") == true, "\(found)")
    }

    @Test func readsIndicesAcrossPieces() {
        // Two pieces of 2^18 bytes hold 65,536 numbers; rows of 3 do not fit evenly.
        let rows = 30_000
        var values: [Int64] = []
        for row in 0..<Int64(rows) { values += [row / 10_000, row / 100 % 100, row % 100] }
        #expect(errors(sparse: sparse(.ints(nil, [rows, 3], values), dims: [3, 100, 100], stored: rows)) == [])
        values[3 * 25_000 + 2] = 100
        #expect(errors(sparse: sparse(.ints(nil, [rows, 3], values), dims: [3, 100, 100], stored: rows)).first?.contains("sparse index 25000 is 100") == true)
    }
}
