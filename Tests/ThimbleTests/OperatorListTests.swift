import Foundation
import TestSupport
import Testing

@testable import Thimble

@Suite struct OperatorListTests {
    /// `thimble operators --markdown` prints it.
    @Test func isWhatTheReadmeShows() throws {
        let readme = try String(contentsOfFile: Places.root + "/README.md", encoding: .utf8)
        #expect(readme.contains(Thimble.operators.markdown), "put what 'thimble operators --markdown' prints into README.md")
    }

    @Test func saysVersionsAndWhatIsMissing() throws {
        let text = Thimble.operators.text
        #expect(text.contains(/\nAdd +1, 6, 7, 13, 14\n/) && text.contains(/\nai\.onnx\.ml\.Scaler +1\n/) && text.contains(/\ncom\.microsoft\.Attention +– +no rotary/))
        #expect(text.contains("Not run: ImageDecoder, ai.onnx.preview.training.Gradient."))
        guard case .object(let members) = Thimble.operators.json, case .array(let rows)? = members.first(where: { $0.key == "operators" })?.value else {
            throw Failure("no list of operators")
        }
        #expect(rows.count > 250 && Set(rows.map(\.description)).count == rows.count)
    }
}
