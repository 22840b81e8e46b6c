public import ModelGraph
internal import Operators
internal import Tensors

/// A model with encoded weights as ONNX has it: standard operators make the weights from integers.
public struct OnnxExport: Sendable {
    public let model: Model
    /// What was done, and what could not be, in words.
    public let notes: [String]

    /// What the model's graph is like decides whether weights may be made by `DequantizeLinear`.
    struct Target {
        /// Of the default domain, for nodes of the graph.
        var opset: Int64
        /// Of the functions, which have operator sets of their own: the least.
        var functionOpset: Int64
    }

    /// Every encoded weight by nodes of its own. Values are those of the encoded tensors, bit for bit. The operator set is raised where that
    /// changes nothing else; where it cannot be, `Cast` and `Mul` do what `DequantizeLinear` would.
    public static func export(_ model: Model, usesNBits: Bool = false) throws -> OnnxExport {
        var model = model, notes: [String] = []
        if usesNBits {
            let made = NBitsExport.apply(to: model)
            (model, notes) = (made.model, made.notes)
        }
        let wanted = try neededOpset(model)
        var target = Target(opset: OpsetRaise.version(of: model.opsetImports), functionOpset: model.functions.map { OpsetRaise.version(of: $0.opsetImports) }.min() ?? 0)
        if wanted > target.opset {
            if let obstacle = OpsetRaise.obstacle(model, to: wanted) {
                notes.append("operator set \(target.opset) is kept, as \(obstacle); weights are made by Cast and Mul where DequantizeLinear needs \(wanted)")
            } else {
                notes.append("operator set \(target.opset) is raised to \(wanted): no operator in use is another there")
                OpsetRaise.raise(&model, to: wanted)
                target.opset = wanted
            }
        }
        var left: [String] = [], failure: (any Error)?
        var rewriter = WeightRewriter { tensor, place, name, fresh in
            guard case .affine(let affine) = tensor.encoding, failure == nil else { return nil }
            do {
                let opset = place.isInFunction ? target.functionOpset : target.opset
                if let made = try Dequantization(affine, tensor, name: name, opset: opset).replacement(fresh) { return made }
                left.append("'\(name)'")
            } catch {
                failure = (error as? ModelError)?.at("tensor '\(name)'") ?? error
            }
            return nil
        }
        model = rewriter.rewrite(model)
        if let failure { throw failure }
        if !left.isEmpty { notes.append("kept as rounded floats, as no standard operator of operator set \(target.opset) makes them: \(left.joined(separator: ", "))") }
        return OnnxExport(model: model, notes: notes)
    }

    private static func neededOpset(_ model: Model) throws -> Int64 {
        var needed: Int64 = 0, failure: (any Error)?
        model.forEachTensor { tensor, place in
            guard case .affine(let affine) = tensor.encoding, !place.isInFunction, failure == nil else { return }
            do {
                needed = max(needed, try Dequantization(affine, tensor, name: "", opset: .max).bestOpset)
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        return needed
    }
}
