/* The words of pages of models. */
import { learn } from "./words.js";

learn({
  en: {
    model: "Model", "models-what": "The best of each run, and files in the workspace's models folder.", "no-models-yet": "None yet: a run with a checkpoint is one, and so is a file that is sent.", "send-model": "Send a model file",
    "others-why": "more in the models folder, whose names cannot be: small letters, digits, . _ and -", "format-safetensors": "safetensors", "format-onnx": "ONNX", "format-engine": "engine", "format-caffe": "Caffe",
    "of-run": "from run", "n-parameters": "parameters", "fine-tune": "Fine-tune", "remove-model-title": "Remove this model?", "remove-model-why": "Its file goes to the workspace's trash, from where it can be brought back.", "classify-folder": "Classify a folder", "classify-folder-why": "Every picture in it, as a job that goes on without this page.",
    "classify-one": "Classify", "classify-why": "What is on a picture, as this model says: the likeliest five.", "stays-here": "stays on this machine", "drop-here": "Drop pictures, paste one, or", "choose-file": "choose files",
    picture: "the picture", unread: "unread", "too-many": "Only the first 200 are shown: a folder of many is better classified as a job.", download: "Download",
    confusion: "Confusion", "matrix-how": "Rows: what it is. Columns: what the model says. A click shows the pictures.", "most-confused": "Most confused", "nothing-wrong": "Nothing: every picture is right.", "no-answer": "no answer", once: "each once",
    "right-why": "They are so, and the model says so; the surest first.", "wrong-why": "What they are, and what the model says; the surest first.",
    evaluation: "Evaluation", "evaluate-go": "Evaluate…", "evaluate-why": "Shows the model pictures whose classes are known, each once: how many it gets right, and what it takes for what.", "not-measured": "not measured yet", measuring: "measuring",
    "worst-class": "Worst class", unreadable: "Unreadable", when: "When", "of-another": "Of an earlier file: the model is another now.", "by-class": "By class", "as-validated": "as its run was validated", "a-folder": "a folder…",
    layers: "Layers", "show-what": "What is shown", weights: "weights", "of-picture": "activations", layer: "Layer", output: "Output", "arithmetic-share": "Arithmetic", "zeros-relu": "Zeros after ReLU", zeros: "zeros", histogram: "Histogram", "not-finite": "not finite",
    "no-numbers": "has none of its own.", "drop-first": "Drop a picture above first: these are what the layers make of it.",
    deploy: "Deploy", engine: "Engine", "make-it": "Make…", made: "made", "same-numbers": "same numbers", "not-passed": "not passed", "differ-by": "differ by at most", "labels-equal": "all labels equal", "n-labels-equal": "labels equal",
    "in-place-of": "in place of", "gate-not-met": "the gate is not met", "not-judged": "not held against pictures", "no-loss": "nothing lost", "itself-why": "weights, preprocessing, class names in one file", export: "Export", format: "Format", "max-drop": "At most so many points of top-1 lost",
    "export-why": "What is made is opened again and shown the same pictures as the model: how far its numbers are off, and what it costs. What does not pass is not kept.",
  },
  zh: {
    model: "模型", "models-what": "每次训练的最佳模型，以及工作区 models 文件夹中的文件。", "no-models-yet": "暂无：有检查点的训练就是模型，也可以上传文件。", "send-model": "上传模型文件",
    "others-why": "个文件名不合规，未列出：只能用小写字母、数字、. _ 和 -", "format-safetensors": "safetensors", "format-onnx": "ONNX", "format-engine": "引擎", "format-caffe": "Caffe",
    "of-run": "来自训练", "n-parameters": "个参数", "fine-tune": "微调", "remove-model-title": "移除这个模型？", "remove-model-why": "文件会移到工作区的回收目录，可以恢复。", "classify-folder": "分类整个文件夹", "classify-folder-why": "对其中每张图片分类；任务独立于本页继续进行。",
    "classify-one": "分类", "classify-why": "模型认为图片上是什么：最可能的五类。", "stays-here": "不会离开这台机器", "drop-here": "拖入图片、粘贴，或", "choose-file": "选择文件",
    picture: "图片", unread: "无法读取", "too-many": "只显示前 200 张：大量图片请用文件夹任务。", download: "下载",
    confusion: "混淆矩阵", "matrix-how": "行：真实类别。列：模型的回答。点击可查看图片。", "most-confused": "最易混淆", "nothing-wrong": "没有：每张图片都正确。", "no-answer": "无回答", once: "每张一次",
    "right-why": "真实类别与模型的回答一致；最有把握的在前。", "wrong-why": "真实类别与模型的回答；最有把握的在前。",
    evaluation: "评估", "evaluate-go": "评估…", "evaluate-why": "给模型看类别已知的图片，每张一次：答对多少，把什么认成什么。", "not-measured": "尚未评估", measuring: "正在评估",
    "worst-class": "最差类别", unreadable: "无法读取", when: "时间", "of-another": "来自较早的文件：模型现在已改变。", "by-class": "按类别", "as-validated": "与训练时的验证集相同", "a-folder": "文件夹…",
    layers: "层", "show-what": "显示内容", weights: "权重", "of-picture": "激活", layer: "层", output: "输出", "arithmetic-share": "计算量", "zeros-relu": "ReLU 后的零", zeros: "零", histogram: "直方图", "not-finite": "个非有限数",
    "no-numbers": "没有自己的数值。", "drop-first": "请先在上方放入一张图片：这里显示各层对它的输出。",
    deploy: "部署", engine: "引擎", "make-it": "制作…", made: "已制作", "same-numbers": "数值相同", "not-passed": "未通过", "differ-by": "最大差异", "labels-equal": "标签全部相同", "n-labels-equal": "个标签相同",
    "in-place-of": "原为", "gate-not-met": "未达到要求", "not-judged": "未用图片检验", "no-loss": "无损失", "itself-why": "权重、预处理和类别名在一个文件中", export: "导出", format: "格式", "max-drop": "Top-1 最多下降几个百分点",
    "export-why": "导出的文件会重新打开，并与模型看同样的图片：数值相差多少，准确率损失多少。未通过的不保留。",
  },
});
