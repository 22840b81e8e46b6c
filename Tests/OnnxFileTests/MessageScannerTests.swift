import Foundation
import ModelGraph
@testable import OnnxFile
import TestSupport
import Tensors
import Testing

/// The scan in C against the careful one in Swift: what both read is one model, and what both refuse is one sentence.
@Suite struct MessageScannerTests {
    @Test func rulesAreThoseOfTheSchema() {
        // Devices have no rules in C: they are left to Swift.
        let last = MessageKind.function
        for kind in MessageKind.allCases {
            for number in 0...MessageSchema.highestNumber {
                let rule = kind.rawValue <= last.rawValue ? FieldRule.of(number, in: kind) : nil
                let content: UInt32 = switch rule?.content {
                case nil: 0
                case .varint: 1
                case .float: 2
                case .double: 3
                case .string: 4
                case .bytes: 5
                case .message: 6
                }
                let expected = content + (rule?.isRepeated == true ? 8 : 0)
                #expect(MessageScanner.rule(number, in: kind) == expected, "\(kind.fieldName(number))")
            }
        }
    }

    private enum Outcome: Equatable {
        case model(Model, warnings: [String])
        case refused(String)
    }

    private static func outcome(_ path: String, _ access: MessageScanner.Access) throws -> Outcome {
        let decoder = try Decoder(try MappedFile(path), options: .init(), access: access)
        do {
            guard let model = try decoder.model() else { return .refused("no graph") }
            return .model(model, warnings: decoder.finishedWarnings().map { "\($0)" })
        } catch let error as ModelError {
            return .refused(error.description)
        }
    }

    private static func compare(_ path: String, _ comment: String) throws -> Bool {
        let careful = try outcome(path, .none)
        #expect(try outcome(path, .mapping) == careful, "mapped, \(comment)")
        #expect(try outcome(path, .reading) == careful, "read, \(comment)")
        if case .model = careful { return true } else { return false }
    }

    @Test(.enabled(if: Places.hasPython, "Scripts/test makes the Python environment"))
    func bothScansAgreeOnSoundAndDamagedModels() throws {
        let work = try TemporaryFolder()
        let seed = SeededRandom.seedOfThisRun >> 1
        let made = try run(Places.python, [Places.root + "/Tests/Oracles/random_models.py", "make", work.path, String(seed), "12"])
        try #require(made.code == 0, "seed \(seed): \(made)")
        var random = SeededRandom(), sound = 0, damaged = 0
        for index in 0..<12 {
            let path = "\(work.path)/\(index).onnx", whole = try contents(of: path)
            #expect(try Self.compare(path, "seed \(seed), model \(index)"))
            guard whole.count < 60_000 else { continue }
            for _ in 0..<60 {
                var content = whole
                let at = Int.random(in: 0..<content.count, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: content[at] ^= 1 << UInt8.random(in: 0..<8, using: &random)
                case 1: content[at] = [0, 1, 0x7f, 0x80, 0xff].randomElement(using: &random)!
                case 2: content.removeSubrange(at..<min(content.count, at + Int.random(in: 1...9, using: &random)))
                default: content.insert(contentsOf: content[at..<min(content.count, at + Int.random(in: 1...40, using: &random))], at: at)
                }
                let changed = "\(work.path)/changed.onnx"
                try Data(content).write(to: URL(fileURLWithPath: changed))
                if try Self.compare(changed, "seed \(random.seed), model \(index)") { sound += 1 } else { damaged += 1 }
            }
        }
        #expect(sound > 5 && damaged > 50, "seed \(random.seed): \(sound) sound, \(damaged) damaged")
    }

    @Test(.enabled(if: Places.hasCorpus, "the corpus is not there"))
    func bothScansAgreeOnRealModels() throws {
        let folder = Places.corpus + "/models"
        let names = try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.hasSuffix(".onnx") }
        #expect(names.count > 10)
        for name in names { #expect(try Self.compare("\(folder)/\(name)", name), "\(name)") }
    }

    /// Values at odd addresses are copied side by side; those that lie well, and large ones, stay in the file.
    @Test func smallValuesLieAligned() throws {
        func model(_ padding: Int, values: Int) -> [UInt8] {
            let tensor = Wire.packed(1, [Int64(values)]) + Wire.number(2, 1) + Wire.text(8, "w") + Wire.bytes(9, (0..<4 * values).map { UInt8(truncatingIfNeeded: $0) })
            return Wire.number(1, 8) + Wire.text(2, String(repeating: "p", count: padding)) + Wire.bytes(7, Wire.bytes(5, tensor)) + Wire.bytes(8, Wire.number(2, 17))
        }
        for values in [1, 7, 256, 257] {
            for padding in 0..<4 {
                let contents = try read(model(padding, values: values))
                guard case .plain(let bytes) = contents.model.graph.initializers[0].encoding else { Issue.record("not plain"); continue }
                #expect(try bytes.array() == (0..<4 * values).map { UInt8(truncatingIfNeeded: $0) })
                switch bytes.place {
                case .memory(_, let offset): #expect(offset % 16 == 0 && values <= 256)
                case .mapped(_, let offset): #expect(offset % 4 == 0 || values > 256)
                default: Issue.record("values \(values) lie elsewhere")
                }
            }
        }
    }
}
