import Testing

@testable import Thimble

@Suite struct WordingTests {
    @Test func groupsDigitsByThree() {
        #expect(grouped(0) == "0")
        #expect(grouped(999) == "999")
        #expect(grouped(-1_234_567) == "-1,234,567")
        #expect(grouped(.min) == "-9,223,372,036,854,775,808")
    }

    @Test func countsInSingularAndPlural() {
        #expect(counted(1, "node") == "1 node")
        #expect(counted(0, "node") == "0 nodes")
        #expect(counted(2000, "entry") == "2,000 entries")
    }

    @Test func writesDecimalsWithoutALocale() {
        #expect(decimals(1.005, 1) == "1.0")
        #expect(decimals(0.04, 1) == "0.0")
        #expect(decimals(-0.04, 1) == "0.0")
        #expect(decimals(-12.345, 2) == "-12.35")
        #expect(decimals(7, 0) == "7")
        #expect(decimals(.nan, 2) == "nan")
        #expect(decimals(1e300, 2) == "1e+300")
    }

    @Test func writesFourSignificantDigits() {
        #expect(significant(0) == "0")
        #expect(significant(0.00123456) == "0.001235")
        #expect(significant(1.5e-9) == "1.500e-9")
        #expect(significant(-123.456) == "-123.5")
        #expect(significant(.leastNonzeroMagnitude).hasSuffix("e-324"))
    }

    /// All of it and nothing of it are said only where they are so.
    @Test func writesShares() {
        #expect([1, 0, 0.5, 0.995, 0.99999, 0.999999, 0.002].map(percent) == ["100 %", "0 %", "50.0 %", "99.50 %", "> 99.99 %", "> 99.99 %", "0.20 %"])
        #expect(percent(1e-7) == "1.000e-5 %")
    }

    @Test func alignsColumnsAndLeavesNoTrailingSpace() {
        #expect(table([["a", "10", ""], ["long", "7", "x"]], right: [1]) == ["  a     10", "  long   7  x"])
    }
}
