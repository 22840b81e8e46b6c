@testable import Execution
import Tensors
import TestSupport
import Testing

/// The table of names that planning uses, beside a dictionary.
@Suite struct NameTableTests {
    private func slot(_ operand: Plan.Operand) -> Int? { if case .slot(let slot) = operand { slot } else { nil } }

    @Test(arguments: [0, 10, 5000]) func findsWhatWasPutIn(expected: Int) {
        var random = SeededRandom(seed: UInt64(expected)), known: [Name: Int] = [:]
        var table = NameTable<Plan.Operand>(expected)
        #expect(table.find("nothing") == nil)
        for index in 0..<3000 {
            // Names of all lengths, many of them twice, and some that differ in their last byte or their length only.
            let number = Int.random(in: 0..<2000, using: &random)
            let name = Name(String(repeating: "n", count: number % 23) + "\(number)" + (number % 5 == 0 ? "\0" : ""))
            let (entry, isNew) = table.insert(name, .slot(index))
            #expect(isNew == (known[name] == nil))
            if isNew { known[name] = index }
            #expect(slot(table[entry]) == known[name])
        }
        for (name, index) in known { #expect(table.find(name).flatMap { slot(table[$0]) } == index) }
        for number in 2000..<2100 { #expect(table.find(Name("\(number)")) == nil) }
    }

    @Test func scopesTellNamesApart() throws {
        let outer = Scope(outer: nil, expected: 4), owner = Constant.Owner(maximumBytes: 1 << 20)
        let (first, second) = (Constant(.float, dims: [1], encoding: .plain(.empty), owner), Constant(.float, dims: [2], encoding: .plain(.empty), owner))
        outer.declare("w", first)
        outer.declare("w", second)
        outer.declare("x", first)
        let input = try #require(outer.declareInput("x"))
        #expect(input.slot == 0 && input.standard === first)
        #expect(outer.declareInput("x") == nil)
        #expect(outer.declareInput("y")?.standard == nil)
        guard case .constant(let constant)? = outer.resolve("w") else { Issue.record("no initializer"); return }
        // The last of several counts.
        #expect(constant === second)
        #expect(outer.declare("w") == nil && outer.declare("z") == 2 && !outer.declareOutput("z", first))

        let inner = Scope(outer: outer, expected: 0)
        #expect(inner.resolve("nobody") == nil)
        for _ in 0..<2 {
            let operand = try #require(inner.resolve("z"))
            #expect(slot(operand) == 0)
        }
        let captures = inner.captures
        #expect(captures.map { $0.outer } == [2] && captures.map { $0.inner } == [0])
    }
}
