import Foundation
import Testing

@testable import Thimble

@Suite struct BatchPlanTests {
    private func listing(_ paths: String...) -> FolderListing {
        var listing = FolderListing()
        listing.files = paths.map { .init(path: $0) }
        return listing
    }

    @Test func takesModelsInTheOrderOfTheirBytes() throws {
        let plan = try BatchPlan(listing("b.onnx", "a/z.onnx", "B.onnx", "notes.txt", "w.bin", "é.onnx"), to: nil)
        #expect(plan.items.map(\.input) == ["B.onnx", "a/z.onnx", "b.onnx", "é.onnx"])
        #expect(plan.items.map(\.output) == ["B.thimble", "a/z.thimble", "b.thimble", "é.thimble"])
    }

    @Test func convertsBackWhereThereIsNoOnnx() throws {
        let plan = try BatchPlan(listing("a.thimble"), to: nil)
        #expect(plan.items.map(\.output) == ["a.onnx"])
    }

    @Test func leavesEarlierOutputsAloneWhereThereAreInputs() throws {
        let plan = try BatchPlan(listing("a.onnx", "a.thimble"), to: nil)
        #expect(plan.items.map(\.input) == ["a.onnx"])
    }

    @Test func refusesTwoInputsOfOneOutput() throws {
        let plan = try BatchPlan(listing("a.onnx", "a.thimble", "b.onnx"), to: .thimble)
        #expect(plan.items.map { $0.refusal != nil } == [true, true, false])
        #expect(plan.items[0].refusal == "would become 'a.thimble', as 'a.thimble' would; convert them apart")
    }

    @Test func knowsTemporaryFilesByTheirNames() {
        #expect(StaleFiles.owner(of: ".m.thimble.123.456.tmp") == 123)
        #expect(StaleFiles.owner(of: ".123.456.tmp") == nil)
        for name in ["m.thimble.123.456.tmp", ".m.thimble.x.456.tmp", ".m.thimble.123.456.tm", ".m.thimble.0.456.tmp", ".m.99999999999.1.tmp", ".."] {
            #expect(StaleFiles.owner(of: name) == nil, "\(name)")
        }
    }

    @Test func removesOnlyFilesOfDeadProcesses() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "thimble-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        // No system gives out a process number as high.
        let dead = ".m.thimble.2147483647.1.tmp", alive = ".m.thimble.1.1.tmp", own = ".m.thimble.\(getpid()).1.tmp"
        for name in [dead, alive, own, "model.onnx"] { try Data("x".utf8).write(to: folder.appending(path: name)) }
        StaleFiles.remove(try FolderListing(folder.path).hidden, in: folder.path)
        #expect(Set(try FileManager.default.contentsOfDirectory(atPath: folder.path)) == [alive, own, "model.onnx"])
    }

    @Test func doesNotFollowLinksToFoldersAndRefusesLinksToFiles() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "thimble-\(UUID())")
        try FileManager.default.createDirectory(at: folder.appending(path: "sub"), withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try Data("x".utf8).write(to: folder.appending(path: "sub/m.onnx"))
        try FileManager.default.createSymbolicLink(atPath: folder.appending(path: "loop").path, withDestinationPath: ".")
        try FileManager.default.createSymbolicLink(atPath: folder.appending(path: "l.onnx").path, withDestinationPath: "sub/m.onnx")
        let strict = try BatchPlan(FolderListing(folder.path), to: nil)
        #expect(strict.items.map(\.input) == ["l.onnx", "sub/m.onnx"])
        #expect(strict.items.map { $0.refusal == nil } == [false, true])
        let open = try BatchPlan(FolderListing(folder.path, followLinks: true), to: nil)
        #expect(open.items.allSatisfy { $0.refusal == nil })
    }
}
