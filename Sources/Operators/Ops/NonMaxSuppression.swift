package import Tensors

package enum NonMaxSuppression: Inferring, Runnable {
    package static let name: Name = "NonMaxSuppression"

    static func infer(_ call: InferenceCall) throws -> [Fact] {
        let boxes = try call.dims(0), scores = try call.dims(1)
        guard boxes?.count ?? 3 == 3, scores?.count ?? 3 == 3 else {
            throw ModelError(.invalidGraph, "boxes are \(try call.tensor(0)), scores \(try call.tensor(1)): [batches, boxes, 4] and [batches, classes, boxes] are needed")
        }
        return [Fact(.int64, [.unknown, 3])]
    }

    package static func run(_ call: Call) throws -> [Value?] {
        let boxes = try call.tensor(0), scores = try call.tensor(1)
        guard boxes.dims.count == 3, scores.dims.count == 3, boxes.dims[2] == 4, boxes.dims[0] == scores.dims[0], boxes.dims[1] == scores.dims[2] else {
            throw ModelError(.invalidGraph, "boxes of \(boxes.dims) and scores of \(scores.dims): [batches, boxes, 4] and [batches, classes, boxes] are needed")
        }
        let limit = try call.optionalTensor(2)?.wholeNumber("input 2, max_output_boxes_per_class,") ?? 0
        let overlap = Float(try call.optionalTensor(3)?.number("input 3, iou_threshold,") ?? 0)
        let lowest = try call.optionalTensor(4).map { Float(try $0.number("input 4, score_threshold,")) }
        let corners = try boxes.floats("input 0"), values = try scores.floats("input 1"), isCentered = try call.bool("center_point_box")
        let (batches, classes, count) = (scores.dims[0], scores.dims[1], scores.dims[2])
        var chosen: [Int] = []
        for batch in 0..<(values.count > 0 ? batches : 0) {
            let all = (0..<count).map { Box(corners, at: (batch * count + $0) * 4, isCentered: isCentered) }
            for category in 0..<classes {
                let base = (batch * classes + category) * count
                let order = (0..<count).filter { box in lowest.map { values[base + box] > $0 } ?? true }
                    .sorted { values[base + $0] != values[base + $1] ? values[base + $0] > values[base + $1] : $0 < $1 }
                var kept: [Int] = []
                for box in order where kept.count < limit && !kept.contains(where: { all[$0].overlap(all[box]) > overlap }) { kept.append(box) }
                for box in kept { chosen += [batch, category, box] }
            }
        }
        return [.tensor(try .int64(chosen, dims: [chosen.count / 3, 3]))]
    }

    private struct Box {
        let low: SIMD2<Float>
        let high: SIMD2<Float>

        init(_ numbers: Elements<Float>, at place: Int, isCentered: Bool) {
            let a = SIMD2(numbers[place], numbers[place + 1]), b = SIMD2(numbers[place + 2], numbers[place + 3])
            if isCentered { (low, high) = (a - b / 2, a + b / 2) } else { (low, high) = (pointwiseMin(a, b), pointwiseMax(a, b)) }
        }

        /// The area that both cover as a share of what at least one does.
        func overlap(_ other: Box) -> Float {
            let common = pointwiseMin(high, other.high) - pointwiseMax(low, other.low)
            guard common.x > 0, common.y > 0 else { return 0 }
            let own = (high - low).x * (high - low).y, others = (other.high - other.low).x * (other.high - other.low).y
            guard own > 0, others > 0 else { return 0 }
            let both = common.x * common.y
            return both / (own + others - both)
        }
    }
}
