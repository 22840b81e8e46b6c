internal import OnnxFile
public import Tensors
internal import ThimbleFile
#if canImport(Darwin)
internal import Darwin
#else
internal import Glibc
#endif

/// How a folder is converted.
public struct BatchOptions: Sendable {
    public var conversion: ConversionOptions
    /// What every model file is to become; nil: the kind it is not (the `.onnx` files, where the folder holds both).
    public var target: FileKind?
    /// Files at the same time.
    public var jobs: Int
    /// Leave what is finished and unchanged, judged by content; make again what is not.
    public var resumes: Bool
    /// Where to write the report as JSON; whole at every moment.
    public var reportPath: String?

    public init(
        conversion: ConversionOptions = ConversionOptions(), target: FileKind? = nil, jobs: Int = processorCount, resumes: Bool = false,
        reportPath: String? = nil
    ) {
        self.conversion = conversion
        self.target = target
        self.jobs = jobs
        self.resumes = resumes
        self.reportPath = reportPath
    }
}

extension Thimble {
    /// Converts every model file below `input` into the folder `output`, keeping the tree. A file that cannot be converted is an
    /// entry of the report, and the rest is done. `progress` gets each entry when it is done, one at a time, from any thread.
    ///
    /// Killed at any moment, only whole files are left, and `options.resumes` goes on from there.
    public static func convertFolder(
        _ input: String, to output: String, options: BatchOptions = BatchOptions(), progress: @escaping @Sendable (BatchReport.Entry, BatchReport) -> Void = { _, _ in }
    ) throws -> BatchReport {
        let start = monotonicSeconds()
        try makeFolders(output)
        let isSameFolder = FileIdentity(input) == FileIdentity(output)
        let except = isSameFolder ? [] : [FileIdentity(output)].compactMap { $0 }
        let listing = try FolderListing(input, followLinks: options.conversion.open.followLinks, except: except)
        let plan = try BatchPlan(listing, to: options.target)
        guard !plan.items.isEmpty else {
            throw ModelError(.badArgument, "holds no .onnx and no .thimble file", at: [printable(input)])
        }
        let old = try FolderListing(output)
        StaleFiles.remove(old.hidden, in: output)
        let state = BatchState(BatchReport(input: input, output: output, planned: plan.items.count), reportPath: options.reportPath)
        try state.saveReport()
        try concurrently(plan.items.count, threads: options.jobs) { index in
            let entry = BatchJob(item: plan.items[index], input: input, output: output, options: options).run()
            try state.add(entry, at: index, progress)
        }
        return try state.finish(seconds: monotonicSeconds() - start)
    }

    /// Makes `path` and the folders above it, as far as they are missing.
    static func makeFolders(_ path: String) throws {
        if FileIdentity(path)?.isFolder == true { return }
        var made = path.utf8.first == UInt8(ascii: "/") ? "/" : ""
        for part in path.split(separator: "/") {
            made += made.isEmpty || made == "/" ? String(part) : "/" + part
            guard unsafe mkdir(made, 0o777) != 0, errno != EEXIST || FileIdentity(made)?.isFolder != true else { continue }
            if errno == EEXIST { throw ModelError(.io, "exists and is not a folder", at: [printable(made)]) }
            throw ModelError.system("the folder cannot be made", at: printable(made))
        }
    }
}

/// The conversion of one file of a folder.
private struct BatchJob {
    let item: BatchPlan.Item
    let input: String
    let output: String
    let options: BatchOptions

    /// Never throws: what goes wrong is the entry's message.
    func run() -> BatchReport.Entry {
        var entry = BatchReport.Entry(input: item.input, output: item.output, status: .failed)
        let start = monotonicSeconds()
        let source = input + "/" + item.input, target = output + "/" + item.output
        do {
            if let refusal = item.refusal {
                throw ModelError(.badArgument, refusal, at: [item.isEscaped ? printable(input) + "/" + item.input : printable(source)])
            }
            if options.resumes, FinishedFile(source: source, target: target, options: options.conversion).isFinished {
                entry.status = .skipped
                entry.message = "finished and unchanged"
            } else {
                if let slash = target.utf8.lastIndex(of: UInt8(ascii: "/")) { try Thimble.makeFolders(String(target[..<slash])) }
                var conversion = options.conversion
                conversion.threads = max(1, conversion.threads / max(1, options.jobs))
                conversion.replacing = conversion.replacing || options.resumes
                let report = try Thimble.convert(source, to: target, options: conversion)
                entry.status = .converted
                entry.bytesBefore = report.inputByteCount
                entry.bytesAfter = report.outputByteCount
                entry.isByteExact = report.isByteExact
                entry.warnings = report.warnings
            }
        } catch let error as ModelError {
            entry.message = error.sentence
        } catch {
            entry.message = "\(printable(source)): \(printable("\(error)"))"
        }
        entry.seconds = monotonicSeconds() - start
        return entry
    }
}

/// Whether an output is what would be made now.
private struct FinishedFile {
    let source: String
    let target: String
    let options: ConversionOptions

    /// By content: the output can be read, was made with the same options and holds the source's model. False whenever in doubt.
    var isFinished: Bool {
        guard FileIdentity(target)?.isRegular == true, let kind = FileKind(ending: target) else { return false }
        guard let made = try? Thimble.open(target, options: options.open), made.kind == kind else { return false }
        guard let original = try? Thimble.open(source, options: options.open) else { return false }
        if let thimble = made.thimble {
            guard thimble.extra.last(where: { $0.key == ConversionOptions.extraKey })?.value == Name(options.canonical) else { return false }
            if let facts = thimble.entries.first?.source, let crc = facts.crc32, let onnx = original.onnx {
                return facts.byteCount == onnx.file.count && crc == checksum(of: onnx.file)
            }
        }
        let isApart = made.onnx.map { !$0.dataFiles.isEmpty } ?? false
        return (try? made.model.hasSameContent(as: original.model, ignoringOrigins: isApart)) ?? false
    }
}
