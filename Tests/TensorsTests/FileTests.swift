import Foundation
import TestSupport
import Testing

import Tensors

extension TemporaryFolder {
    /// The path of a file in it, which is there if it has bytes.
    fileprivate func file(_ name: String, _ bytes: [UInt8] = []) throws -> String {
        bytes.isEmpty ? self(name) : try write(bytes, name)
    }
}

@Suite struct MappedFileTests {
    @Test func givesTheBytesOfTheFile() throws {
        let folder = try TemporaryFolder()
        let file = try MappedFile(folder.file("a", [1, 2, 3, 4]))
        #expect(file.count == 4)
        #expect(try TensorBytes(file, 1..<3).array() == [2, 3])
        try file.checkUnchanged()
    }

    @Test func refusesRangesOutsideTheFile() throws {
        let folder = try TemporaryFolder()
        let file = try MappedFile(folder.file("a", [1, 2, 3, 4]))
        #expect(throws: ModelError(.damagedFile, "needs bytes 2 to 9, the file ends at 4")) { try TensorBytes(file, 2..<9) }
    }

    @Test func refusesWhatIsNoFileWithBytes() throws {
        let folder = try TemporaryFolder()
        let empty = try folder.file("empty")
        #expect(FileManager.default.createFile(atPath: empty, contents: nil))
        #expect(throws: ModelError(.damagedFile, "the file is empty", at: [empty])) { try MappedFile(empty) }
        #expect(throws: ModelError(.io, "is a folder, not a file", at: [folder.path])) { try MappedFile(folder.path) }
        #expect(throws: ModelError(.io, "cannot be opened: no such file or directory", at: [folder.path + "/none"])) { try MappedFile(folder.path + "/none") }
        let pipe = try folder.file("pipe")
        #expect(mkfifo(pipe, 0o600) == 0)
        #expect(throws: ModelError(.io, "is not a regular file", at: [pipe])) { try MappedFile(pipe) }
    }

    @Test func noticesThatTheFileWasRewritten() throws {
        let folder = try TemporaryFolder()
        let path = try folder.file("a", [1, 2, 3, 4])
        let file = try MappedFile(path)
        let handle = try #require(FileHandle(forWritingAtPath: path))
        try handle.seekToEnd()
        try handle.write(contentsOf: [5])
        #expect(throws: ModelError.self) { try file.checkUnchanged() }
    }

    @Test func keepsTheOldBytesWhenTheFileIsReplacedByRename() throws {
        let folder = try TemporaryFolder()
        let path = try folder.file("a", [1, 2, 3, 4])
        let file = try MappedFile(path)
        try FileManager.default.removeItem(atPath: path)
        _ = try folder.file("a", [9, 9, 9, 9])
        try file.checkUnchanged()
        #expect(try TensorBytes(file, 0..<4).array() == [1, 2, 3, 4])
    }
}

@Suite struct OutputFileTests {
    @Test func appearsOnlyWhenCommitted() throws {
        let folder = try TemporaryFolder()
        let path = try folder.file("out")
        let output = try OutputFile(path, replacing: false)
        try output.append([1, 2, 3])
        try output.pad(to: 8)
        #expect(output.position == 8)
        #expect(folder.contents == [])
        try output.overwrite([7], at: 0)
        try output.commit()
        #expect(folder.contents == ["out"])
        #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == Data([7, 2, 3, 0, 0, 0, 0, 0]))
    }

    @Test func leavesNothingWhenDropped() throws {
        let folder = try TemporaryFolder()
        do {
            let output = try OutputFile(folder.path + "/out", replacing: true)
            try output.append([UInt8](repeating: 1, count: 200_000))
        }
        #expect(folder.contents == [])
    }

    @Test func refusesAnExistingFileAndKeepsIt() throws {
        let folder = try TemporaryFolder()
        let path = try folder.file("out", [1])
        #expect(throws: ModelError(.io, "exists already; give --force to replace it", at: [path])) { try OutputFile(path, replacing: false) }
        // Somebody else makes it while we write.
        let other = try OutputFile(folder.path + "/late", replacing: false)
        try other.append([2])
        _ = try folder.file("late", [3])
        #expect(throws: ModelError.self) { try other.commit() }
        #expect(try Data(contentsOf: URL(fileURLWithPath: folder.path + "/late")) == Data([3]))
    }

    @Test func replacesWhenAsked() throws {
        let folder = try TemporaryFolder()
        let path = try folder.file("out", [1])
        let output = try OutputFile(path, replacing: true)
        try output.append([2, 2])
        #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == Data([1]))
        try output.commit()
        #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == Data([2, 2]))
        #expect(folder.contents == ["out"])
    }

    @Test func refusesTargetsThatAreNoFiles() throws {
        let folder = try TemporaryFolder()
        #expect(throws: ModelError(.io, "is a folder, not a file to write", at: [folder.path])) { try OutputFile(folder.path, replacing: true) }
        #expect(throws: ModelError.self) { try OutputFile(folder.path + "/", replacing: true) }
        let pipe = try folder.file("pipe")
        #expect(mkfifo(pipe, 0o600) == 0)
        #expect(throws: ModelError(.io, "exists and is not a regular file", at: [pipe])) { try OutputFile(pipe, replacing: true) }
    }

    @Test func copiesRangesOfMappedFiles() throws {
        let folder = try TemporaryFolder()
        let source = try MappedFile(folder.file("in", [UInt8](0...255)))
        let output = try OutputFile(folder.path + "/out", replacing: false)
        try output.append([1])
        try output.append(source, 10..<20)
        try output.append([2])
        try output.commit()
        #expect(try Data(contentsOf: URL(fileURLWithPath: folder.path + "/out")) == Data([1] + [UInt8](10..<20) + [2]))
    }
}

@Suite struct ParallelTests {
    @Test func callsEachIndexOnce() throws {
        let sum = Counter()
        try concurrently(1000, threads: 4) { index in sum.add(index) }
        #expect(sum.total == 1000 * 999 / 2)
    }

    @Test func throwsTheErrorOfTheLowestIndex() {
        #expect(throws: ModelError(.limit, "3")) {
            try concurrently(100, threads: 3) { index in if index >= 3 { throw ModelError(.limit, "\(index)") } }
        }
    }

    private final class Counter: @unchecked Sendable {
        private let lock = Lock()
        private(set) var total = 0
        func add(_ value: Int) { lock.locked { total += value } }
    }
}
