@testable import Execution
@testable import Tensors
import TestSupport
import Testing

/// Memory that shares large pages.
@Suite struct LargePagesTests {
    private func range(_ memory: OwnedMemory) -> Range<Int> {
        let start = Int(bitPattern: memory.bytes.baseAddress)
        return start..<start + memory.bytes.count
    }

    @Test(arguments: 0..<8) func piecesAreApartAlignedAndKept(seed: UInt64) throws {
        var random = SeededRandom(seed: seed), pages = LargePages(pieceSize: OwnedMemory.largePage)
        var given: [(memory: OwnedMemory, mark: UInt8)] = []
        for index in 0..<60 {
            // One is larger than a piece.
            let count = index == 30 ? 3 * OwnedMemory.largePage : Int.random(in: 0...200_000, using: &random)
            let memory = try pages.memory(count), mark = UInt8(index)
            #expect(memory.bytes.count == count && Int(bitPattern: memory.bytes.baseAddress) % 64 == 0)
            memory.bytes.initializeMemory(as: UInt8.self, repeating: mark)
            given.append((memory, mark))
            // What is let go takes nothing from the others.
            if index % 7 == 6 { given.remove(at: Int.random(in: 0..<given.count, using: &random)) }
        }
        for (memory, mark) in given { #expect(memory.bytes.allSatisfy { $0 == mark }) }
        let ranges = given.map { range($0.memory) }.filter { !$0.isEmpty }.sorted { $0.lowerBound < $1.lowerBound }
        for (a, b) in zip(ranges, ranges.dropFirst()) { #expect(a.upperBound <= b.lowerBound) }
    }

    @Test func littleIsNotWorthALargePage() throws {
        var pages = LargePages(pieceSize: OwnedMemory.largePage)
        for _ in 0..<3 { _ = try pages.memory(1 << 16) }
        let none = pages.rest(64)
        #expect(none == nil)
        _ = try pages.memory(1 << 16)
        let some = pages.rest(64)
        #expect(some != nil)
        var expecting = LargePages(pieceSize: OwnedMemory.largePage, expected: 1 << 20)
        _ = try expecting.memory(64)
        let rest = expecting.rest(64)
        #expect(rest != nil)
    }

    @Test func whatIsLentLastComesBack() throws {
        var pages = LargePages(pieceSize: OwnedMemory.largePage, expected: 1 << 20)
        _ = try pages.memory(100)
        func rest(_ count: Int) throws -> OwnedMemory {
            let memory = pages.rest(count)
            return try #require(memory)
        }
        let lent = try rest(1 << 16)
        pages.takeBack(lent)
        let again = try rest(1 << 12)
        #expect(range(again).lowerBound == range(lent).lowerBound)
        // Another was given out behind it: it stays taken.
        let first = try rest(1 << 12), second = try rest(1 << 12)
        pages.takeBack(first)
        let next = try rest(64)
        #expect(range(next).lowerBound >= range(second).upperBound)
    }
}
