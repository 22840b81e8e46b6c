import ModelGraph
import TestSupport
import Testing

@testable import Operators

struct NodeReportTests {
    /// A node can break a rule ten million times; each sentence would be kept until the node is done.
    @Test func keepsNoMoreThanAModelMayHave() {
        var report = NodeReport(.error), made = 0
        func sentence() -> String {
            made += 1
            return "leaves out input \(made)"
        }
        for _ in 0..<10_000 {
            report.error(sentence())
            report.warn(sentence())
        }
        #expect(report.findings.count == 500)
        #expect(made == 500)
    }
}
