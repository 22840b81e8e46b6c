import Foundation
import TestSupport
import Testing

/// ONNX to Thimble and back, in batches, judged by Python's `onnx`.
@Suite(.enabled(if: Places.hasPython, "Scripts/test makes the Python environment"))
struct RoundTripTests {
    /// A folder of models. `mayFail`: models that Python loads and we refuse on purpose, with the reason.
    struct Collection: CustomTestStringConvertible {
        let name: String
        let path: String
        let isHere: Bool
        let leastCount: Int
        var mayFail: [String: String] = [:]
        var testDescription: String { name }
    }

    static let collections = [
        Collection(name: "TestModels", path: Places.testModels, isHere: true, leastCount: 6),
        Collection(name: "models", path: Places.corpus + "/models", isHere: Places.hasCorpus, leastCount: 45),
        Collection(name: "models-odd", path: Places.corpus + "/models-odd", isHere: Places.hasCorpus, leastCount: 21),
        Collection(name: "backend tests", path: Places.backendTests, isHere: Places.hasBackendTests, leastCount: 1905),
    ]

    /// Runs a batch; code 2 says that some files failed.
    private func batch(_ source: String, _ target: String, _ options: [String] = []) throws {
        let outcome = try convert(source, target, ["--jobs", "2"] + options).with { $0.patience = 300 }.run()
        let problems = Checks.ending(outcome, allowed: [0, 2]) + Checks.tame(outcome)
        try #require(problems.isEmpty, "\(Checks.report(problems))")
    }

    @Test(arguments: collections.filter(\.isHere))
    func comesBackEqual(collection: Collection) throws {
        let work = try TemporaryFolder()
        for kind in ["plain", "zlib"] {
            try batch(collection.path, work(kind), kind == "zlib" ? ["--zlib"] : [])
            try batch(work(kind), work(kind + "-back"))
        }
        let sources = Places.files(below: collection.path, suffix: ".onnx")
        let names = sources.map { String($0.dropFirst(collection.path.count + 1)) }
        let verdicts = try ModelComparison.run(zip(sources, names).map { ($0, work("plain-back/" + $1)) })
        var problems: [String] = [], loadable = 0, canonical = 0, exact = 0
        for (name, verdict) in zip(names, verdicts) where verdict.loads == .yes {
            loadable += 1
            let plain = work("plain-back/" + name), zlib = work("zlib-back/" + name)
            if collection.mayFail[name] != nil {
                if Places.exists(plain) { problems.append("\(name): is listed as refused, but converts") }
                continue
            }
            guard Places.exists(plain), Places.exists(zlib) else {
                problems.append("\(name): Python loads it, but \(Places.exists(plain) ? "--zlib" : "the batch") did not convert it")
                continue
            }
            if case .no(let reason)? = verdict.equal { problems.append("\(name): came back different\(reason)") }
            if try bytes(of: plain) != bytes(of: zlib) { problems.append("\(name): --zlib came back as other bytes than without") }
            if verdict.canonical == true, !name.contains("external") {
                canonical += 1
                if try bytes(of: plain) == bytes(of: collection.path + "/" + name) { exact += 1 }
            }
        }
        #expect(problems.isEmpty, "\(Checks.report(problems))")
        #expect(loadable >= collection.leastCount)
        #expect(exact * 100 >= canonical * 99, "\(exact) of \(canonical) canonical files came back byte for byte")
    }

    /// `verify --source` proves what came out against what went in.
    @Test(arguments: collections.filter(\.isHere))
    func verifyProvesTheSource(collection: Collection) throws {
        let work = try TemporaryFolder()
        let sources = Places.files(below: collection.path, suffix: ".onnx")
        var problems: [String] = [], checked = 0
        // A process for each: every 40th of the many small ones.
        for source in sources.enumerated().filter({ sources.count < 100 || $0.offset % 40 == 0 }).map(\.element) {
            let target = work("m.thimble")
            for options in [["--force"], ["--force", "--zlib"]] where try convert(source, target, options).run().exitCode == 0 {
                let outcome = try Command.thimble("verify", target, "--source", source).run()
                problems += Checks.ending(outcome, allowed: [0])
                checked += 1
            }
        }
        #expect(problems.isEmpty, "\(Checks.report(problems))")
        #expect(checked > 0)
    }

    /// A proof that cannot fail proves nothing.
    @Test func verifyRefusesAnotherSource() throws {
        let work = try TemporaryFolder()
        try #require(try convert(Places.testModels + "/digits-mlp.onnx", work("m.thimble")).run().exitCode == 0)
        let other = try Command.thimble("verify", work("m.thimble"), "--source", Places.testModels + "/digits-cnn.onnx").run()
        #expect(other.exitCode == 1, "\(other)")
        // One weight changed by one bit, everything else equal.
        var changed = try bytes(of: Places.testModels + "/digits-mlp.onnx")
        changed[changed.count / 2] ^= 1
        try write(changed, to: work("changed.onnx"))
        let near = try Command.thimble("verify", work("m.thimble"), "--source", work("changed.onnx")).run()
        #expect(near.exitCode == 1, "\(near)")
    }

    @Test func externalDataCanBeAskedFor() throws {
        let work = try TemporaryFolder()
        let source = Places.testModels + "/external.onnx"
        try #require(try convert(source, work("m.thimble")).run().exitCode == 0)
        let outcome = try convert(work("m.thimble"), work("back.onnx"), ["--external-data"]).run()
        #expect(outcome.exitCode == 0, "\(outcome)")
        let verdict = try ModelComparison.run([(source, work("back.onnx"))])[0]
        #expect(verdict.equal == .yes)
        #expect(try bytes(of: work("back.onnx")).count < 2_000, "the weights lie beside the model")
    }
}
