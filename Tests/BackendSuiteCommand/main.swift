// Runs cases of the ONNX backend suite and prints those that fail, with the reason.
//
//     backend-suite                        all cases
//     backend-suite test_conv test_relu    cases whose names hold one of the texts
//     backend-suite refdata/               models of the corpus beside ONNX Runtime's outputs
//     backend-suite light/                 nine whole topologies
//     backend-suite /some/folder           cases in that folder
//     backend-suite -v test_abs            names of the passing ones, too
//
// A kernel that traps ends the process: -1 runs one case at a time and prints its name before.

internal import BackendSuite
internal import Foundation
internal import OnnxFile
internal import Tensors

let flags = CommandLine.arguments.dropFirst().filter { $0.hasPrefix("-") }, texts = CommandLine.arguments.dropFirst().filter { !$0.hasPrefix("-") }
let folders = texts.filter { $0.hasPrefix("/") }
let known = texts.isEmpty ? BackendCase.all : BackendCase.all + BackendCase.light + BackendCase.references
let cases = folders.isEmpty
    ? known.filter { one in texts.isEmpty || texts.contains { one.name.contains($0) } }
    : folders.flatMap { BackendCase.cases(in: $0, kind: $0, absolute: 5e-4) }
var passing = 0
if flags.contains("-1") {
    for one in cases {
        print("RUN  \(one.name)")
        fflush(nil)
        let problem = one.problem { try OnnxFile.read($0).model }
        if let problem { print("FAIL \(one.name): \(problem)") } else { passing += 1 }
    }
} else {
    let problems = try BackendCase.problems(cases) { try OnnxFile.read($0).model }
    passing = problems.count { $0 == nil }
    for (one, problem) in zip(cases, problems) {
        if let problem { print("FAIL \(one.name): \(problem)") } else if flags.contains("-v") { print("pass \(one.name)") }
    }
}
print("\(passing) of \(cases.count) pass")
