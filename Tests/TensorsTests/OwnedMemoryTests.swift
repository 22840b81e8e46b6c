import Testing

@testable import Tensors

@Suite struct OwnedMemoryTests {
    @Test(arguments: [(0, 0), (1 << 20, 1 << 20), ((1 << 20) + 1, 2 << 20), (2 << 20, 2 << 20), (5 << 20, 5 << 20), ((5 << 20) + 1, 6 << 20)])
    func mostOfALargePageIsAllOfIt(asked: Int, given: Int) { #expect(OwnedMemory.lastingBytes(asked) == given) }

    @Test(arguments: [0, 1, 64, 4097, 1 << 20, (1 << 20) + 1, 2 << 20, (2 << 20) + 5, (5 << 20) - 1]) func lastingMemoryCanBeWrittenFromEndToEnd(size: Int) throws {
        let memory = try OwnedMemory(lasting: size)
        #expect(memory.bytes.count == size)
        #expect(Int(bitPattern: memory.bytes.baseAddress) % 64 == 0)
        for index in stride(from: 0, to: size, by: 1021) { memory.bytes[index] = UInt8(truncatingIfNeeded: index) }
        if size > 0 { memory.bytes[size - 1] = 7 }
        #expect(stride(from: 0, to: size - 1, by: 1021).allSatisfy { memory.bytes[$0] == UInt8(truncatingIfNeeded: $0) })
    }

    @Test func partsKeepTheWhole() throws {
        var whole: OwnedMemory? = try OwnedMemory(lasting: 3 << 20)
        let part = OwnedMemory((1 << 20)..<(1 << 20) + 100, of: try #require(whole))
        part.bytes[99] = 42
        #expect(whole?.bytes[(1 << 20) + 99] == 42)
        whole = nil
        #expect(part.bytes.count == 100 && part.bytes[99] == 42)
    }

    @Test func whatNoSystemHasIsAnError() {
        #expect(throws: ModelError.self) { try OwnedMemory(lasting: .max / 2) }
        #expect(throws: ModelError.self) { try OwnedMemory(lasting: -1) }
        #expect(OwnedMemory.lastingBytes(.max) == .max && OwnedMemory.lastingBytes(-1) == -1)
    }

    @Test func elementsAreSeenInEveryWay() throws {
        let floats = try Elements<Float>(TensorBytes(NewElements([3, 1, 2] as [Float]).memory))
        #expect(Array(floats) == [3, 1, 2] && floats.map { $0 } == [3, 1, 2] && floats.reversed() == [2, 1, 3])
        #expect(floats.max() == 3 && floats.firstIndex(of: 2) == 2 && Array(floats[1...]) == [1, 2] && floats.last == 2)
    }

    @Test func tellsWhatIsResident() throws {
        let memory = try OwnedMemory(lasting: 32 << 20)
        for index in stride(from: 0, to: memory.bytes.count, by: 4096) { memory.bytes[index] = 1 }
        let after = ResidentMemory()
        #expect(after.now >= memory.bytes.count && after.peak >= after.now)
    }
}
