import Foundation
import TestSupport
import Testing

func contents(_ path: String) throws -> [UInt8] {
    [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
}

/// One file whose content changes many times: written in place, because replacing a file by thousands waits for the disk.
final class ScratchFile {
    let path: String
    private let handle: FileHandle

    init(_ folder: TemporaryFolder, _ bytes: [UInt8]) throws {
        path = try folder.write(bytes, "scratch.thimble")
        handle = try #require(FileHandle(forUpdatingAtPath: path))
    }

    func truncate(_ count: Int) throws {
        try handle.truncate(atOffset: UInt64(count))
    }

    func put(_ bytes: some Sequence<UInt8>, at offset: Int) throws {
        try handle.seek(toOffset: UInt64(offset))
        try handle.write(contentsOf: Data(bytes))
    }
}
