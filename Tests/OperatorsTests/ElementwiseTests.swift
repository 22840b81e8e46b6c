import ModelGraph
import Tensors
import TestSupport
import Testing

@testable import Operators

@Suite struct ElementwiseTests {
    /// The index of each element of `shape` that an element of the result comes from, by the definition.
    private func sources(_ shape: [Int], in dims: [Int]) -> [Int] {
        (0..<dims.reduce(1, *)).map { flat in
            var rest = flat, index = [Int](repeating: 0, count: dims.count)
            for axis in dims.indices.reversed() { (index[axis], rest) = (rest % dims[axis], rest / dims[axis]) }
            var source = 0
            for (axis, size) in shape.enumerated() { source = source * size + (size == 1 ? 0 : index[axis + dims.count - shape.count]) }
            return source
        }
    }

    @Test func broadcastsAsDefined() throws {
        var random = SeededRandom()
        for _ in 0..<400 {
            let rank = Int(random.next() % 5), dims = (0..<rank).map { _ in Int(random.next() % 4) }
            var shapes: [[Int]] = []
            for _ in 0..<2 {
                let own = Array(dims.suffix(Int(random.next() % UInt64(rank + 1)))).map { random.next() % 3 == 0 ? 1 : $0 }
                shapes.append(own)
            }
            let broadcast = try Broadcast(shapes)
            let a = (0..<shapes[0].reduce(1, *)).map { Int64($0) }, b = (0..<shapes[1].reduce(1, *)).map { Int64($0 * 1000) }
            let sum = try output(Add.self, [.of(a, shapes[0]), .of(b, shapes[1])])
            let expected = zip(sources(shapes[0], in: broadcast.dims), sources(shapes[1], in: broadcast.dims)).map { a[$0] + b[$1] }
            #expect(sum.dims == broadcast.dims)
            #expect(try sum.values(Int64.self) == expected, "\(shapes), seed \(random.seed)")
            let condition = try Tensor.of(a.map { UInt8($0 & 1) }, shapes[0], .bool)
            let choice = try output(Where.self, [condition, .of(a, shapes[0]), .of(b, shapes[1])])
            let chosen = zip(sources(shapes[0], in: broadcast.dims), sources(shapes[1], in: broadcast.dims)).map { a[$0] & 1 == 1 ? a[$0] : b[$1] }
            #expect(try choice.values(Int64.self) == chosen, "\(shapes), seed \(random.seed)")
        }
    }

    @Test func refusesWhatDoesNotGoTogether() throws {
        let message = try refusal(Add.self, [.of([1, 2, 3] as [Float]), .of([1, 2] as [Float])])
        #expect(message?.contains("[3]") == true && message?.contains("[2]") == true)
        #expect(try refusal(Add.self, [.of([1] as [Float]), .of([1] as [Int64])]) == "the inputs are FLOAT[1] and INT64[1], one element type is needed")
        #expect(try refusal(Exp.self, [.of([1] as [Int64])])?.hasPrefix("the input is INT64") == true)
        #expect(try refusal(Add.self, [nil, nil]) == "input 0 is missing")
        let long = try Tensor.of([Float](repeating: 1, count: 1 << 14), [1 << 14, 1]), wide = try Tensor.of([Float](repeating: 1, count: 1 << 14), [1, 1 << 14])
        #expect(try refusal(Mul.self, [long, wide])?.hasSuffix("64 MB are the limit") == true)
    }

    @Test func integersWrapAround() throws {
        let least = try Tensor.of([Int32.min, .max]), ones = try Tensor.of([-1, 1] as [Int32])
        #expect(try output(Add.self, [least, ones]).values(Int32.self) == [.max, .min])
        #expect(try output(Div.self, [least, ones]).values(Int32.self) == [.min, .max])
        #expect(try output(Mod.self, [least, ones]).values(Int32.self) == [0, 0])
        #expect(try output(Abs.self, [least]).values(Int32.self) == [.min, .max])
        #expect(try output(Pow.self, [.of([2, -1, 3] as [Int32]), .of([40, -3, 3] as [Int32])]).values(Int32.self) == [0, -1, 27])
    }

    @Test func refusesToDivideIntegersByZero() throws {
        for op in [Div.self, Mod.self] as [any Runnable.Type] {
            #expect(try refusal(op, [.of([1, 2] as [Int64]), .of([1, 0] as [Int64])])?.hasPrefix("element 1 of the divisor INT64[2] is 0") == true)
        }
        #expect(try output(Div.self, [.of([1, -1] as [Float]), .of([0, 0] as [Float])]).values(Float.self) == [.infinity, -.infinity])
    }

    @Test func remaindersTakeTheSignThatTheAttributeSays() throws {
        let a = try Tensor.of([-7, 7, -7, 7] as [Int64]), b = try Tensor.of([3, -3, -3, 3] as [Int64])
        #expect(try output(Mod.self, [a, b]).values(Int64.self) == [2, -2, -1, 1])
        #expect(try output(Mod.self, [a, b], ["fmod": .int(1)]).values(Int64.self) == [-1, 1, -1, 1])
        let x = try Tensor.of([-5.5, 5.5, 4] as [Float]), y = try Tensor.of([2, -2, .infinity] as [Float])
        #expect(try output(Mod.self, [x, y], opset: 28).values(Float.self) == [0.5, -0.5, 4])
    }

    @Test func shiftsOfAnyAmountAreDefined() throws {
        let x = try Tensor.of([-8, -8, -8, 5, 5] as [Int32]), amounts = try Tensor.of([1, 40, -1, 40, -1] as [Int32])
        #expect(try output(BitShift.self, [x, amounts], ["direction": .string(Array("RIGHT".utf8))], opset: 28).values(Int32.self) == [-4, -1, -1, 0, 0])
        #expect(try output(BitShift.self, [x, amounts], ["direction": .string(Array("LEFT".utf8))], opset: 28).values(Int32.self) == [-16, 0, 0, 0, 0])
    }

    @Test func notANumberStaysWhatItIs() throws {
        let x = try Tensor.of([.nan, 1] as [Float]), y = try Tensor.of([2, .nan] as [Float])
        for op in [Max.self, Min.self] as [any Runnable.Type] { #expect(try output(op, [x, y]).values(Float.self).allSatisfy(\.isNaN)) }
        for op in [Relu.self, Sigmoid.self, HardSigmoid.self, HardSwish.self, Celu.self, Clip.self, Softplus.self] as [any Runnable.Type] {
            #expect(try output(op, [.of([Float.nan])]).values(Float.self)[0].isNaN, "\(op)")
        }
    }

    @Test func clipsToTheUpperLimitWhereTheLimitsCross() throws {
        let x = try Tensor.of([-1, 3, 9] as [Int64])
        #expect(try output(Clip.self, [x, .of([5] as [Int64], []), .of([2] as [Int64], [])]).values(Int64.self) == [2, 2, 2])
        #expect(try output(Clip.self, [x, nil, .of([2] as [Int64], [])]).values(Int64.self) == [-1, 2, 2])
    }

    @Test func oldOperatorSetsPlaceTheSecondInputAtAnAxis() throws {
        let a = try Tensor.of((0..<24).map { Float($0) }, [2, 3, 4]), b = try Tensor.of([100, 200, 300] as [Float])
        let placed = try output(Add.self, [a, b], ["broadcast": .int(1), "axis": .int(1)], opset: 6).values(Float.self)
        let expected = (0..<24).map { (index: Int) -> Float in Float(index + (index / 4 % 3 + 1) * 100) }
        #expect(placed == expected)
        #expect(try refusal(Add.self, [a, .of([1, 2, 3, 4] as [Float])], opset: 6)?.contains("'broadcast'") == true)
        #expect(try refusal(Add.self, [a, b], ["broadcast": .int(1)], opset: 6) == "input 1 of dims [3] does not fit [2, 3, 4] from axis 2 on")
    }

    @Test func halvesAreRoundedOnce() throws {
        let x = try Tensor.rounding(NewElements<Float>([1, 2048]), to: .float16, [2]), y = try Tensor.rounding(NewElements<Float>([0x1p-11, 1]), to: .float16, [2])
        let sum = try output(Add.self, [x, y])
        #expect(sum.elementType == .float16)
        #expect(try Array(sum.floats("it")) == [1, 2048])
    }

    @Test func seededDropoutDropsWhatTheReferenceDrops() throws {
        let x = try Tensor.of([Float](repeating: 1, count: 6)), training = try Tensor.of([1 as UInt8], [], .bool), ratio = try Tensor.of([0.5 as Float], [])
        let found = try outputs(Dropout.self, [x, ratio, training], ["seed": .int(0)], outputs: 2)
        // numpy.random.seed(0); numpy.random.uniform(size=6): 0.549 0.715 0.603 0.545 0.424 0.646
        #expect(try found[1].values(UInt8.self) == [1, 1, 1, 1, 0, 1])
        #expect(try found[0].values(Float.self) == [2, 2, 2, 2, 0, 2])
        #expect(try outputs(Dropout.self, [x, ratio], outputs: 2)[0] == x)
    }
}
