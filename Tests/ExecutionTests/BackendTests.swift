import BackendSuite
import Foundation
import ModelGraph
import OnnxFile
import Tensors
import TestSupport
import ThimbleFile
import Testing

/// The ONNX backend test suite, in this process. While working on an operator, `swift run backend-suite test_conv test_relu` runs
/// the cases whose names hold one of the texts and prints what fails.
@Suite(.enabled(if: Places.hasBackendTests, "Scripts/fetch-backend-tests fetches the suite"), .serialized)
struct BackendTests {
    static let leastPassing = 1880

    @Test func asImported() throws {
        judgeAll(try results { try OnnxFile.read($0).model })
    }

    @Test func nodeByNode() throws {
        judgeAll(try results(byNode: true) { try OnnxFile.read($0).model })
    }

    @Test(arguments: [false, true]) func throughThimbleAndBack(zlib: Bool) throws {
        let folder = try TemporaryFolder()
        judgeAll(try results { path in
            let file = folder("\(UInt64.random(in: 0 ... .max)).thimble")
            _ = try ThimbleFile.write(OnnxFile.read(path).model, to: file, options: .init(zlib: zlib))
            defer { try? FileManager.default.removeItem(atPath: file) }
            return try ThimbleFile.read(file).model
        })
    }

    @Test func lightModels() throws {
        #expect(BackendCase.light.count == 9)
        let problems = try BackendCase.problems(BackendCase.light) { try OnnxFile.read($0).model }
        for case (let one, let problem?) in zip(BackendCase.light, problems) { Issue.record("\(one.name): \(problem)") }
    }

    private func results(byNode: Bool = false, _ load: @escaping @Sendable (String) throws -> Model) throws -> [(BackendCase, String?)] {
        Array(zip(BackendCase.all, try BackendCase.problems(BackendCase.all, byNode: byNode, load: load)))
    }

    /// The node cases of the newest ONNX.
    @Test(.enabled(if: Places.hasNodeCases, "Scripts/fetch-backend-tests writes them")) func newestNodeCases() throws {
        let cases = BackendCase.newest
        #expect(cases.count >= 1884)
        let results = Array(zip(cases, try BackendCase.problems(cases) { try OnnxFile.read($0).model }))
        #expect(results.count { $0.1 == nil } * 100 >= 98 * cases.count)
        judge(results)
        // What is listed must be there.
        let names = Set(BackendCase.all.map(\.name) + cases.map(\.name))
        for name in backendExceptions.keys where !names.contains(name) { Issue.record("\(name) is listed as an exception, and is no case") }
    }

    private func judgeAll(_ results: [(BackendCase, String?)]) {
        #expect(results.count >= 1905)
        #expect(results.count { $0.1 == nil } >= Self.leastPassing)
        judge(results)
    }

    private func judge(_ results: [(BackendCase, String?)]) {
        for (one, problem) in results {
            switch (problem, backendExceptions[one.name]) {
            case (let problem?, nil): Issue.record("\(one.name): \(problem)")
            case (nil, let reason?): Issue.record("\(one.name) passes; it is listed as an exception: \(reason)")
            default: break
            }
        }
    }
}
